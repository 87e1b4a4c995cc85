"""Areas on resamples of people against scikit-learn, and means whose intervals know that domains are few."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from facewarden.core.errors import BadInputError
from facewarden.metrics.over_domains import over_domains, replicated_auc, weighted
from facewarden.metrics.resample import resampling
from facewarden.metrics.transfer import Replicated


def rows(seed: int, *, shift: float = 1.0, people: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(people), 4)
    labels = np.tile([1, 1, 0, 0], people)
    scores = (rng.normal(size=labels.size) + shift * labels + rng.normal(size=people)[subjects]).round(1)
    return scores, labels, np.array([f"p{number}" for number in subjects])


def test_an_area_and_its_resamples_are_those_of_scikit_learn() -> None:
    scores, labels, subjects = rows(0)
    found = replicated_auc(scores, labels, subjects=subjects, seed=3, rounds=20)
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    assert (found.n, found.subjects) == (48, 12)
    names = np.unique(subjects)
    drawn = resampling(np.searchsorted(names, subjects), names.size, seed=3, rounds=20)
    for round_, area in enumerate(found.replicates):
        times = drawn.weights[round_][np.searchsorted(names, subjects)]
        assert area == pytest.approx(roc_auc_score(labels, scores, sample_weight=times))


def test_a_mean_over_few_unequal_domains_is_as_uncertain_as_they_are_unequal() -> None:
    alike = {f"d{i}": measured(i, shift=1.0) for i in range(8)}
    apart = {f"d{i}": measured(i, shift=3.0 * (i % 2)) for i in range(8)}
    narrow, wide = (over_domains(parts, seed=0).interval() for parts in (alike, apart))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    spread = np.std([part.value for part in apart.values()], ddof=1) / np.sqrt(8)
    assert np.std(over_domains(apart, seed=0).replicates) == pytest.approx(spread, rel=0.25)
    assert over_domains(apart, seed=0).value == pytest.approx(np.mean([part.value for part in apart.values()]))
    again = over_domains(dict(reversed(apart.items())), seed=0)
    np.testing.assert_array_equal(again.replicates, over_domains(apart, seed=0).replicates)


def measured(seed: int, *, shift: float) -> Replicated:
    scores, labels, subjects = rows(seed, shift=shift)
    return replicated_auc(scores, labels, subjects=subjects, seed=seed)


def test_the_weights_of_a_mean_are_used_and_checked() -> None:
    one, other = (Replicated(value, np.full(4, value), 10, 3) for value in (0.5, 1.0))
    found = weighted({"a": one, "b": other}, {"a": 3.0, "b": 1.0})
    assert (found.value, found.replicates.tolist(), found.n) == (0.625, [0.625] * 4, 20)
    for weights in ({"a": 1.0}, {"a": 1.0, "b": 0.0}):
        with pytest.raises(BadInputError, match="weights"):
            weighted({"a": one, "b": other}, weights)
    with pytest.raises(BadInputError, match="no figures"):
        over_domains({}, seed=0)
