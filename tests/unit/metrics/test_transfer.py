from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from facewarden.core.errors import BadInputError
from facewarden.metrics.pad import bpcer_at_apcer
from facewarden.metrics.transfer import (
    Replicated,
    difference,
    hter_at_target_eer,
    mean_over,
    over_seeds,
    transfer_measures,
    transfer_values,
    video_means,
)


def community(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The published evaluation's rule, on scikit-learn's curve."""
    fpr, tpr, _ = roc_curve(labels, scores)
    best = np.argmin(np.abs(tpr + fpr - 1))
    return float((fpr[best] + 1 - tpr[best]) / 2)


def test_the_worked_case_of_eight_scores() -> None:
    # bona fide .9 .8 .6 .4, attacks .7 .5 .3 .2: from reject-all downward the curve runs (0,0) (0,.5) (.25,.5)
    # (.25,.75) (.5,.75) (.5,1) (1,1); TPR + FPR - 1 is 0 at (.25,.75) alone, where HTER = (.25 + .25) / 2
    scores = np.array([0.9, 0.8, 0.6, 0.4, 0.7, 0.5, 0.3, 0.2])
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    found = hter_at_target_eer(scores, labels)
    assert (found.hter, found.threshold) == (0.25, 0.6)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1)), min_size=2, max_size=60).filter(
        lambda rows: len({label for _, label in rows}) == 2
    )
)
def test_the_vertex_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    scores, labels = np.array([s for s, _ in rows], np.float64), np.array([y for _, y in rows])
    found = hter_at_target_eer(scores, labels)
    assert found.hter == pytest.approx(community(scores, labels), abs=1e-12)
    accepted = scores >= found.threshold  # the threshold really is where the figure comes from
    assert found.hter == pytest.approx((accepted[labels == 0].mean() + 1 - accepted[labels == 1].mean()) / 2)


def test_one_class_has_no_vertex() -> None:
    with pytest.raises(BadInputError, match="attack"):
        hter_at_target_eer(np.array([1.0, 2.0]), np.array([1, 1]))


def test_videos_are_averaged_in_the_order_in_which_they_come() -> None:
    means, first = video_means(np.array([1.0, 5.0, 3.0, 7.0]), ["b", "a", "b", "c"])
    assert means.tolist() == [2.0, 5.0, 7.0]
    assert first.tolist() == [0, 1, 3]


def drawn(
    seed: int, *, shift: float = 1.0, n: int = 240
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return rng.normal(size=n) + shift * labels, labels, np.array([f"p{i // 6}" for i in range(n)])


def test_measures_are_the_plain_figures_and_their_intervals_hold_them() -> None:
    scores, labels, subjects = drawn(0)
    found = transfer_measures(scores, labels, subjects=subjects, threshold=0.4, seed=1)
    far, frr = (scores[labels == 0] >= 0.4).mean(), (scores[labels == 1] < 0.4).mean()
    assert found["hter"].value == pytest.approx((far + frr) / 2)
    assert (found["apcer_pooled"].value, found["bpcer"].value) == (pytest.approx(far), pytest.approx(frr))
    assert found["auc"].value == pytest.approx(roc_auc_score(labels, scores))
    assert found["hter_at_target_eer"].value == pytest.approx(community(scores, labels))
    regret = found["threshold_regret"]
    assert regret.value == pytest.approx(found["hter"].value - found["hter_at_target_eer"].value)
    assert found["bpcer20"].value == pytest.approx(bpcer_at_apcer(scores, labels, apcer=0.05, over="pooled"))
    for name, one in found.items():
        interval = one.interval(proportion=name != "threshold_regret")
        assert interval.low < one.value < interval.high
        assert 0.02 < interval.high - interval.low < 0.3
    plain = transfer_values(scores, labels, threshold=0.4)
    assert plain == pytest.approx({name: one.value for name, one in found.items()})
    again = transfer_measures(scores, labels, subjects=subjects, threshold=0.4, seed=1)
    assert np.array_equal(found["auc"].replicates, again["auc"].replicates)


def test_replicates_are_the_figures_of_rows_drawn_by_subject() -> None:
    from facewarden.metrics.checked import codes_of
    from facewarden.metrics.resample import resampling

    scores, labels, subjects = drawn(3)
    found = transfer_measures(scores, labels, subjects=subjects, threshold=0.4, seed=5, rounds=7)
    codes, names = codes_of(subjects)
    draws = resampling(codes, names.size, seed=5, rounds=7)
    for number in range(7):
        rows = np.repeat(np.arange(scores.size), draws.weights[number][codes].astype(int))
        far, frr = (scores[rows][labels[rows] == 0] >= 0.4).mean(), (scores[rows][labels[rows] == 1] < 0.4).mean()
        assert found["hter"].replicates[number] == pytest.approx((far + frr) / 2)
        assert found["auc"].replicates[number] == pytest.approx(roc_auc_score(labels[rows], scores[rows]))
        assert found["hter_at_target_eer"].replicates[number] == pytest.approx(
            community(scores[rows], labels[rows]), abs=0.02
        )


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    scores, labels, subjects = drawn(7)
    rng = np.random.default_rng(8)
    better = scores + 0.25 * labels + 0.05 * rng.normal(size=scores.size)
    ours, theirs = (
        transfer_measures(s, labels, subjects=subjects, threshold=0.5, seed=2)["auc"] for s in (better, scores)
    )
    found = difference(ours, theirs).interval(proportion=False)
    assert found.value == pytest.approx(ours.value - theirs.value)
    assert 0 < found.low < found.value < found.high
    assert found.high - found.low < 0.5 * (ours.interval().high - ours.interval().low)
    with pytest.raises(BadInputError, match="same rows"):
        difference(
            ours, transfer_measures(*drawn(1, n=120)[:2], subjects=drawn(1, n=120)[2], threshold=0.0, seed=2)["auc"]
        )


def test_seeds_that_differ_widen_the_interval_and_equal_ones_do_not() -> None:
    base = Replicated(0.5, np.full(1000, 0.5), 100, 20)
    other = {0: base, 1: Replicated(0.7, np.full(1000, 0.7), 100, 20), 2: Replicated(0.3, np.full(1000, 0.3), 100, 20)}
    found = over_seeds(other, seed=0)
    assert found.value == pytest.approx(0.5)
    interval = found.interval()
    assert interval.low < 0.36
    assert interval.high > 0.64
    assert np.ptp(over_seeds({0: base, 1: base}, seed=0).replicates) == 0


def test_the_same_draw_of_seeds_pairs_two_methods() -> None:
    rng = np.random.default_rng(0)
    ours = {s: Replicated(0.1 * s, rng.normal(0.1 * s, 0.01, 500), 10, 5) for s in range(3)}
    theirs = {s: Replicated(r.value + 0.05, r.replicates + 0.05, 10, 5) for s, r in ours.items()}
    found = difference(over_seeds(theirs, seed=4), over_seeds(ours, seed=4))
    assert np.allclose(found.replicates, 0.05)


def test_the_mean_of_two_targets_is_tighter_than_each() -> None:
    rng = np.random.default_rng(1)
    parts = [Replicated(0.2, rng.normal(0.2, 0.05, 2000), 10, 5) for _ in range(4)]
    found = mean_over(parts)
    assert (found.n, found.subjects) == (40, 20)
    assert found.replicates.std() == pytest.approx(0.025, rel=0.1)
    with pytest.raises(BadInputError, match="no figures"):
        mean_over([])
