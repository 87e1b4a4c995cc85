"""The official recall of CelebA-Spoof against a brute-force count, ties and few bona fide rows included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.metrics.celeba_spoof import RATES, official_summary, recall_at_fpr


def brute_force(scores: list[float], labels: list[int], fpr: float) -> float:
    """Read aloud from the rule: sort, count, compare one by one."""
    live = sorted((-score for score, label in zip(scores, labels, strict=True) if label == 1), reverse=True)
    spoof = [-score for score, label in zip(scores, labels, strict=True) if label == 0]
    threshold = live[max(1, int(fpr * len(live))) - 1]
    return sum(value > threshold for value in spoof) / len(spoof)


@given(
    live=st.lists(st.integers(-5, 5), min_size=1, max_size=40),
    spoof=st.lists(st.integers(-5, 5), min_size=1, max_size=40),
    fpr=st.sampled_from([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0]),
)
def test_it_equals_a_brute_force_count_with_ties_and_few_rows(live: list[int], spoof: list[int], fpr: float) -> None:
    scores = [float(value) for value in (*live, *spoof)]
    labels = [1] * len(live) + [0] * len(spoof)
    assert recall_at_fpr(np.array(scores), np.array(labels), fpr=fpr) == brute_force(scores, labels, fpr)


def test_it_equals_a_brute_force_count_on_many_rows() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 5000)
    scores = np.round(rng.normal(size=5000) + 1.5 * labels, 2)
    for fpr in RATES.values():
        assert recall_at_fpr(scores, labels, fpr=fpr) == brute_force(scores.tolist(), labels.tolist(), fpr)


def test_with_fewer_rows_than_the_rate_asks_for_the_worst_one_is_the_threshold() -> None:
    assert recall_at_fpr(np.array([2.0, 1.0, 0.5, 1.5]), np.array([1, 1, 0, 0]), fpr=0.001) == 0.5
    assert recall_at_fpr(np.array([1.0, 1.0]), np.array([1, 0]), fpr=0.01) == 0.0, "a tie is not caught"


def test_attacks_are_the_positive_class_and_score_lower_here() -> None:
    scores, labels = np.array([3.0, 2.9, -1.0, -2.0]), np.array([1, 1, 0, 0])
    assert recall_at_fpr(scores, labels, fpr=0.01) == 1.0
    assert recall_at_fpr(-scores, labels, fpr=0.01) == 0.0


@pytest.mark.parametrize(("labels", "fpr"), [([1, 1], 0.1), ([0, 0], 0.1), ([1, 0], 0.0), ([1, 0], 1.5)])
def test_one_class_alone_or_a_rate_that_is_none_is_refused(labels: list[int], fpr: float) -> None:
    with pytest.raises(BadInputError):
        recall_at_fpr(np.array([1.0, 2.0]), np.array(labels), fpr=fpr)


def test_the_summary_has_the_three_rates_with_intervals_by_subject() -> None:
    rng = np.random.default_rng(1)
    labels: NDArray[np.int64] = rng.integers(0, 2, 400)
    scores = rng.normal(size=400) + 2 * labels
    subjects = np.array([f"s{i}" for i in rng.integers(0, 40, 400)])
    found = official_summary(scores, labels, subjects=subjects, seed=0, rounds=60)
    assert [metric.name for metric in found] == list(RATES)
    for metric, fpr in zip(found, RATES.values(), strict=True):
        assert metric.value == recall_at_fpr(scores, labels, fpr=fpr)
        assert metric.low <= metric.value <= metric.high
        assert metric.n == 400
        assert "official" in metric.note
    assert found == official_summary(scores, labels, subjects=subjects, seed=0, rounds=60)
