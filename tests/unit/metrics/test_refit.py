"""Thresholds on resamples: the same as refitting on the drawn rows, and intervals that cover because of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.metrics.pad import eer_threshold
from facewarden.metrics.refit import eer_threshold_replicates, stratified
from facewarden.metrics.transfer import difference, transfer_measures

Rows = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30).filter(
        lambda rows: len({label for _, label, _ in rows}) == 2
    )
)
def test_each_one_is_the_threshold_of_the_rows_that_were_drawn(rows: list[tuple[int, int, int]]) -> None:
    scores, labels = np.array([s for s, _, _ in rows], np.float64), np.array([y for _, y, _ in rows])
    subjects = np.array([f"p{who}" for _, _, who in rows])
    strata = np.array([f"d{who % 2}" for _, _, who in rows])
    found = eer_threshold_replicates(scores, labels, subjects=subjects, strata=strata, seed=3, rounds=20)
    unit, weights = stratified(subjects, strata, seed=3, rounds=20)
    for number in range(20):
        times = weights[number][unit].astype(int)
        again, told = np.repeat(scores, times), np.repeat(labels, times)
        if len(set(told.tolist())) < 2:
            assert np.isnan(found[number])
        else:
            assert found[number] == eer_threshold(again, told)


def test_a_domain_is_drawn_alike_whatever_other_domains_are_beside_it() -> None:
    subjects, strata = np.array([f"p{i}" for i in range(12)]), np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 4)
    _, whole = stratified(subjects, strata, seed=1, rounds=50)
    _, part = stratified(subjects[4:], strata[4:], seed=1, rounds=50)
    assert np.array_equal(whole[:, 4:], part)
    assert np.all(whole[:, :4].sum(axis=1) == 4)


def people(rng: np.random.Generator, count: int, *, shift: float, name: str) -> Rows:
    """Four captures of each person, who moves them all by the same amount; bona fide is 2 above attack."""
    labels = np.tile([0, 0, 1, 1], count)
    who = np.repeat(np.arange(count), 4)
    scores = rng.normal(size=count)[who] + 0.5 * rng.normal(size=who.size) + 2 * labels + shift
    return scores, labels, np.array([f"{name}{i}" for i in who])


def test_an_interval_covers_only_when_the_threshold_is_drawn_too() -> None:
    # the target lies 1.5 higher, so that its HTER moves with the threshold; the true one is that of the threshold 1
    from statistics import NormalDist

    spread = NormalDist(0, np.sqrt(1.25))
    truth = (1 - spread.cdf(1 - 1.5) + spread.cdf(1 - 3.5)) / 2
    rng = np.random.default_rng(11)
    held = {"refitted": 0, "frozen": 0}
    times = 150
    for _ in range(times):
        dev, labels, who = people(rng, 15, shift=0.0, name="d")
        test, test_labels, test_who = people(rng, 60, shift=1.5, name="t")
        strata = np.full(who.size, "one")
        thresholds = eer_threshold_replicates(dev, labels, subjects=who, strata=strata, seed=1, rounds=120)
        for name, each in (("refitted", thresholds), ("frozen", None)):
            one = transfer_measures(
                test, test_labels, subjects=test_who, threshold=eer_threshold(dev, labels), seed=2, rounds=120,
                thresholds=each,
            )["hter"].interval()  # fmt: skip
            held[name] += one.low <= truth <= one.high
    assert held["refitted"] / times >= 0.88
    assert held["frozen"] / times <= 0.82


def test_a_paired_difference_doubts_both_thresholds() -> None:
    rng = np.random.default_rng(5)
    dev, labels, who = people(rng, 12, shift=0.0, name="d")
    test, test_labels, test_who = people(rng, 80, shift=1.5, name="t")
    other_dev, other_test = dev + rng.normal(size=dev.size), test + rng.normal(size=test.size)
    widths = {}
    for name in ("refitted", "frozen"):
        found = []
        for before, after in ((dev, test), (other_dev, other_test)):
            each = eer_threshold_replicates(before, labels, subjects=who, strata=np.full(who.size, "x"), seed=1,
                                            rounds=300)  # fmt: skip
            found.append(
                transfer_measures(after, test_labels, subjects=test_who, threshold=eer_threshold(before, labels),
                                  seed=2, rounds=300, thresholds=each if name == "refitted" else None)["hter"]
            )  # fmt: skip
        interval = difference(*found).interval(proportion=False)
        widths[name] = interval.high - interval.low
    assert widths["refitted"] > 1.2 * widths["frozen"]


def test_every_round_needs_a_threshold() -> None:
    scores, labels, who = people(np.random.default_rng(0), 5, shift=0.0, name="p")
    with pytest.raises(BadInputError, match="3,"):
        transfer_measures(scores, labels, subjects=who, threshold=0.0, seed=0, rounds=9, thresholds=np.zeros(3))
