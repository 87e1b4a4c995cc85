"""Intervals against hand values, and by how often they hold the truth."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics.intervals import (
    BOOTSTRAP,
    COUNTS,
    Interval,
    bootstrap_by_subject,
    mean_by_subject,
    percentile_interval,
    sum_interval,
    wilson,
)
from facewarden.metrics.paired import paired_bootstrap_difference, paired_bootstrap_percent


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # p = 1/2, n = 4, z = 1.96: center 1/2, half width 1.96 / (1 + 0.9604) * sqrt(1/16 + 3.8416/64) = 0.35
        (2, 4, 0.1500, 0.8500),
        # p = 0: the upper bound is z^2 / (n + z^2) = 3.8416 / 13.8416
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        # (0.1 + 3.8416/200) / 1.038416 = 0.1148; 1.96/1.038416 * sqrt(0.09/100 + 3.8416/40000) = 0.0596
        (10, 100, 0.0552, 0.1744),
    ],
)
def test_wilson_by_hand(successes: int, n: int, low: float, high: float) -> None:
    bounds = wilson(successes, n)
    assert (bounds.low, bounds.high) == pytest.approx((low, high), abs=1e-4)
    assert (bounds.value, bounds.n) == (successes / n, n)


def test_wilson_bounds_solve_the_score_equation() -> None:
    # A bound b is where the observed share lies exactly z standard errors (computed at b) away.
    for successes, n, confidence, z in [(3, 17, 0.95, 1.959964), (120, 400, 0.99, 2.575829)]:
        bounds = wilson(successes, n, confidence=confidence)
        for bound in (bounds.low, bounds.high):
            assert abs(successes / n - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / n), rel=1e-6)


def test_wilson_refuses_nonsense() -> None:
    for successes, n in [(3, 2), (-1, 5), (0, 0)]:
        with pytest.raises(BadInputError):
            wilson(successes, n)
    with pytest.raises(BadInputError, match="0\\.95"):
        wilson(1, 2, confidence=95.0)


def test_mean_of_all_rounds_equals_one_round_at_a_time() -> None:
    rng = np.random.default_rng(3)
    values, subjects = rng.random(60), rng.integers(0, 12, 60)
    slow = bootstrap_by_subject(lambda w: float(w @ values / w.sum()), subjects, seed=5, rounds=300)
    fast = mean_by_subject(values, subjects, seed=5, rounds=300)
    assert (fast.value, fast.low, fast.high, fast.n) == pytest.approx((slow.value, slow.low, slow.high, slow.n))


def test_same_seed_same_bounds_and_names_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    values, subjects = 3 * rng.random(60), rng.integers(0, 9, 60)
    first = mean_by_subject(values, subjects, seed=5)
    assert mean_by_subject(values, subjects, seed=5) == first
    assert mean_by_subject(values, subjects.astype(str), seed=5) == first
    assert mean_by_subject(values, subjects, seed=6) != first


def test_clustered_rows_need_the_subject_bootstrap() -> None:
    # Twenty persons, fifty rows each that all fail or all pass: there are twenty observations, not a thousand.
    subjects = np.repeat(np.arange(20), 50)
    errors = (subjects % 4 == 0).astype(float)
    clustered = mean_by_subject(errors, subjects, seed=0)
    as_if_free = mean_by_subject(errors, np.arange(1000), seed=0)
    ratio = (clustered.high - clustered.low) / (as_if_free.high - as_if_free.low)
    assert ratio == pytest.approx(math.sqrt(50), rel=0.15)  # the square root of the design effect


@pytest.mark.parametrize(("people", "rows"), [(40, 5), (3000, 1)])
def test_bounds_hold_the_truth_about_as_often_as_they_say(people: int, rows: int) -> None:
    # Persons differ in how often they fail; 3000 persons are more than the units that are drawn, so they are grouped.
    rng = np.random.default_rng(11)
    subjects = np.repeat(np.arange(people), rows)
    held = 0
    trials = 200
    for trial in range(trials):
        failing = rng.beta(1.5, 3.5, people)  # mean 0.3
        errors = rng.random(people * rows) < np.repeat(failing, rows)
        found = mean_by_subject(errors, subjects, seed=trial, rounds=200)
        held += found.low <= 0.3 <= found.high
    # 95 % of 200 is 190; four standard deviations of such a count are 12.
    assert 178 <= held <= 200


def test_no_error_at_all_is_not_certainty() -> None:
    # 2000 rows of 20 subjects without an error. A correlation of 0.5 within a person leaves n = 2000 / 50.5 rows, and
    # t quantiles of 1999 and 19 degrees of freedom take the square of 1.96115 / 2.09302 of that: 34.77. The upper end u
    # solves (1 - u) ** 34.77 = 0.025.
    subjects = np.repeat(np.arange(20), 100)
    found = mean_by_subject(np.zeros(2000), subjects, seed=0)
    assert (found.value, found.low, found.n, found.method) == (0.0, 0.0, 2000, COUNTS)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 34.77), rel=1e-3)
    assert mean_by_subject(np.ones(2000), subjects, seed=0).low == pytest.approx(1 - found.high)


def test_a_single_subject_carries_almost_no_evidence() -> None:
    found = mean_by_subject(np.array([0.0, 1.0]), np.array(["a", "a"]), seed=0)
    assert found.method == f"{COUNTS}, rough: only 1 subjects"
    assert found.high - found.low > 0.7


def test_few_subjects_are_mentioned_and_bounds_hold_the_value() -> None:
    found = mean_by_subject(np.array([0.0, 0.5, 1]), np.array(["a", "b", "c"]), seed=0)
    assert found.method == f"{BOOTSTRAP}, rough: only 3 subjects"
    outside = percentile_interval(0.5, np.array([0.6, 0.7, np.nan]), n=3, subjects=30, proportion=False)
    assert (outside.low, outside.high) == (0.5, pytest.approx(0.6975))


def test_a_figure_joins_the_edge_without_a_jump() -> None:
    # An EER of 0, then ever more resamples that are above it: 40 people with 9 rows each.
    none = percentile_interval(0.0, np.zeros(400), n=360, subjects=40)
    ends = [
        percentile_interval(value, np.full(400, value) + value * np.sin(np.arange(400)), n=360, subjects=40).high
        for value in (1e-9, 1e-4, 1e-3, 1e-2)
    ]
    assert none.high == pytest.approx(mean_by_subject(np.zeros(360), np.arange(360) // 9, seed=0).high)
    assert none.high <= ends[0] < ends[1] < ends[2] < ends[3] < none.high + 0.011
    assert ends[0] - none.high < 1e-8
    full = percentile_interval(1.0, np.ones(400), n=360, subjects=40)
    assert (full.low, full.high) == (pytest.approx(1 - none.high), 1.0)


def test_a_difference_joins_no_difference_in_small_steps() -> None:
    # In 40 people with 9 rows, one person after the other has one row that differs.
    subjects = np.repeat(np.arange(40), 9)
    lows = []
    for people in range(16):
        first = np.zeros(360)
        first[: 9 * people : 9] = 1.0
        lows.append(paired_bootstrap_difference(first, np.zeros(360), subjects=subjects, seed=0).low)
    assert lows[0] == pytest.approx(-mean_by_subject(np.zeros(360), subjects, seed=0).high)
    assert max(abs(one - other) for one, other in pairwise(lows)) < 0.011
    assert lows[-1] > 0


def test_other_figures_do_not_pretend_to_be_shares() -> None:
    found = mean_by_subject(np.full(6, 7.0), np.repeat(["a", "b"], 3), seed=0)
    assert (found.low, found.high) == (7.0, 7.0)
    assert "degenerate" in found.method


def test_paired_difference_is_narrower_than_the_parts() -> None:
    # Both models fail on the same hard persons; the second fails on one row more per four persons.
    rng = np.random.default_rng(2)
    subjects = np.repeat(np.arange(60), 10)
    hard = np.repeat(rng.random(60) < 0.4, 10).astype(float)
    first = np.where(rng.random(600) < 0.025, 1.0, hard)
    difference = paired_bootstrap_difference(first, hard, subjects=subjects, seed=0)
    alone = mean_by_subject(hard, subjects, seed=0)
    assert difference.value == pytest.approx(np.mean(first - hard))
    assert difference.low > 0
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)


def test_equal_models_differ_by_no_more_than_was_seen() -> None:
    errors = np.array([0.0, 1.0] * 20)
    found = paired_bootstrap_difference(errors, errors, subjects=np.repeat(np.arange(20), 2), seed=0)
    # nobody differs: as much as 0 of 40 rows allow, 40 / 1.5 of them effective, times the squared ratio of t quantiles
    effective = 40 / 1.5 * (2.022691 / 2.093024) ** 2
    assert (found.value, found.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / effective)))
    assert found.low == -found.high


def test_sum_of_two_parts() -> None:
    # Half of [0, u] above 0, and half of 0.1 with 0.06 above it: the root of the sum of squares above 0.05.
    apcer = mean_by_subject(np.zeros(100), np.arange(100), seed=0)
    bpcer = Interval(0.1, 0.04, 0.16, 100, BOOTSTRAP)
    found = sum_interval(0.05, [(0.5, apcer), (0.5, bpcer)], n=200)
    assert found.high == pytest.approx(0.05 + math.hypot(apcer.high / 2, 0.03), abs=1e-6)
    assert found.low == pytest.approx(0.05 - 0.03, abs=1e-6)
    assert COUNTS in found.method
    assert BOOTSTRAP in found.method


def test_rounds_and_rows_are_needed() -> None:
    with pytest.raises(BadInputError, match="one round"):
        mean_by_subject(np.full(2, 3.0), np.arange(2), seed=0, rounds=0)
    with pytest.raises(BadInputError, match="no data"):
        mean_by_subject(np.zeros(0), np.zeros(0, int), seed=0)
    with pytest.raises(BadInputError, match="one entry per row"):
        mean_by_subject(np.ones(3), np.arange(2), seed=0)


def test_a_paired_percent_is_the_bootstrap_of_the_ratio() -> None:
    first, second = np.array([1.0, 1, 1, 0, 1, 0]), np.array([1.0, 0, 1, 0, 0, 0])
    people = np.array(list("aabbcc"))
    found = paired_bootstrap_percent(first, second, subjects=people, seed=3)
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(100.0), 6)

    def ratio(weights: np.ndarray) -> float:
        below = float(weights @ second)
        return 100.0 * (float(weights @ first) / below - 1.0) if below else float("nan")

    slow = bootstrap_by_subject(ratio, people, seed=3, proportion=False)
    points = paired_bootstrap_difference(first, second, subjects=people, seed=3)
    assert found.low == pytest.approx(max(-100.0, min(slow.low, 100 * points.low / second.mean())))
    assert found.high == pytest.approx(max(slow.high, 100 * points.high / second.mean()))
    many = np.concatenate([first] * 6), np.concatenate([second] * 6)
    who = np.arange(36) // 2  # rows of twelve people differ: nothing is widened
    found = paired_bootstrap_percent(*many, subjects=who, seed=3)
    first, second = many
    slow = bootstrap_by_subject(ratio, who, seed=3, proportion=False)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(slow.low), pytest.approx(slow.high))
    first, second = first[:6], second[:6]
    assert paired_bootstrap_percent(first, np.zeros(6), subjects=people, seed=3) is None
    # no row differs: "no change" is no certainty with three people
    same = paired_bootstrap_percent(second, second, subjects=people, seed=3)
    points = paired_bootstrap_difference(second, second, subjects=people, seed=3)
    assert same is not None
    assert same.value == 0.0
    assert same.high == pytest.approx(100 * points.high / second.mean())
    assert same.high > 0 > same.low >= -100
