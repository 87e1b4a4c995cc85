"""Open-set identification against hand-worked searches and a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics.match import rank_k
from facewarden.metrics.open_set import fpir_threshold, missed, searches


def test_hand_worked_searches() -> None:
    similarity = np.array([[0.9, 0.2, 0.4], [0.3, 0.8, 0.5], [0.6, 0.1, 0.5], [0.7, 0.65, 0.1]])
    found = searches(similarity, np.array(["a", "b", "b", "x"]), gallery_ids=np.array(["a", "b", "b"]))
    assert found.mate.tolist() == [0.9, 0.8, 0.5]
    assert found.rank.tolist() == [1, 1, 2]
    assert found.highest.tolist() == [0.7]
    assert missed(found, threshold=0.7).tolist() == [False, False, True]
    assert missed(found, threshold=0.0).tolist() == [False, False, True]
    assert missed(found, threshold=0.0, rank=2).tolist() == [False, False, False]


def test_the_threshold_is_the_lowest_that_keeps_the_rate() -> None:
    rng = np.random.default_rng(0)
    for count, target in ((50, 0.1), (50, 0.0), (7, 0.3), (3, 1.0)):
        values = rng.choice(np.linspace(0, 1, 30), count)
        threshold = fpir_threshold(values, fpir=target)
        assert np.mean(values >= threshold) <= target
        lower = values[values < threshold]
        if lower.size:
            assert np.mean(values >= lower.max()) > target
    for wrong in (np.zeros(0), np.array([np.nan])):
        with pytest.raises(BadInputError):
            fpir_threshold(wrong, fpir=0.1)
    with pytest.raises(BadInputError, match="FPIR 2"):
        fpir_threshold(np.ones(3), fpir=2.0)


def test_ranks_agree_with_rank_k() -> None:
    rng = np.random.default_rng(1)
    similarity = rng.choice(np.linspace(0, 1, 9), (40, 30))  # with ties
    gallery, probes = rng.integers(0, 12, 30), rng.integers(0, 12, 40)
    probes = np.where(np.isin(probes, gallery), probes, gallery[0])
    found = searches(similarity, probes, gallery_ids=gallery)
    for k in (1, 3, 5):
        assert float(np.mean(found.rank <= k)) == rank_k(similarity, probes, gallery_ids=gallery, k=k)
