"""Bounds of shares: scipy's beta as oracle, more errors, and coverage on a small grid."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from facewarden.core.errors import BadInputError
from facewarden.metrics.intervals import count_interval, mean_by_subject
from facewarden.metrics.shares import direct_upper_ends, share_bounds, unseen_share


@pytest.mark.parametrize(("errors", "people"), [(0, 20), (1, 20), (5, 40), (39, 40), (40, 40)])
def test_one_row_a_person_is_clopper_and_pearson(errors: int, people: int) -> None:
    counts = (np.arange(people) < errors).astype(float)
    low, high = share_bounds(counts, np.ones(people))
    assert low == pytest.approx(stats.beta.ppf(0.025, errors, people - errors + 1) if errors else 0.0, abs=1e-12)
    assert high == pytest.approx(stats.beta.ppf(0.975, errors + 1, people - errors) if errors < people else 1.0)


def test_a_clustered_count_by_hand() -> None:
    # 20 people with 9 rows, two of them wrong in all of theirs: share 0.1, spread 18 * 0.9 ** 2 + 2 * 8.1 ** 2 ...
    counts, rows = np.where(np.arange(20) < 2, 9.0, 0.0), np.full(20, 9.0)
    spread = (18 * 0.9**2 + 2 * 8.1**2) * 20 / 19
    independent = 180 * 0.1 * 0.9 * 180 / 179
    effect = (spread / 5 + 0.5 * 5) / (independent / 5 + 0.5)  # a correlation of 0.5 would make it 1 + 8 / 2
    effective = 180 / effect * (stats.t.ppf(0.975, 179) / stats.t.ppf(0.975, 19)) ** 2
    effective = max(effective, 20.0)  # rows of a person can at worst repeat each other
    expected = stats.beta.ppf(
        [0.025, 0.975], [0.1 * effective, 0.1 * effective + 1], 0.9 * effective + np.array([1, 0])
    )
    assert share_bounds(counts, rows) == pytest.approx(tuple(expected))
    assert direct_upper_ends(counts[None], rows)[0] == pytest.approx(expected[1])


def test_nothing_jumps_between_no_error_and_the_first() -> None:
    # The earlier method gave 0 to 8.8 % for no error and 0 to 0.8 % for one in 40 people with 9 rows each.
    subjects = np.arange(360) // 9
    ends = []
    for errors in range(6):
        found = mean_by_subject((np.isin(np.arange(360), 9 * np.arange(errors))).astype(float), subjects, seed=0)
        ends.append(found.high)
        mirror = mean_by_subject(~np.isin(np.arange(360), 9 * np.arange(errors)), subjects, seed=0)
        assert (mirror.low, mirror.high) == pytest.approx((1 - found.high, 1 - found.low))
    assert ends == sorted(ends)
    assert max(np.diff(ends)) < 0.012


layouts = some.lists(
    some.integers(1, 6).flatmap(lambda rows: some.tuples(some.integers(0, rows), some.just(rows))),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(layouts, some.data())
def test_one_more_error_lowers_no_bound(people: list[tuple[int, int]], data: some.DataObject) -> None:
    errors, rows = (np.array(column, float) for column in zip(*people, strict=True))
    free = np.flatnonzero(errors < rows)
    if not free.size:
        return
    more = errors.copy()
    more[data.draw(some.sampled_from(free.tolist()))] += 1
    before, after = share_bounds(errors, rows), share_bounds(more, rows)
    assert after[0] >= before[0] - 1e-12
    assert after[1] >= before[1] - 1e-12
    found = count_interval(errors, rows)
    assert found.low <= found.value <= found.high


def test_many_errors_are_thinned_without_breaking_the_order() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(20, 400, 60).astype(float)
    errors = np.floor(rows * rng.beta(1, 3, 60))
    before = share_bounds(errors, rows)
    more = share_bounds(errors + (np.arange(60) == 7), rows)
    assert errors.sum() > 1024
    assert more[0] >= before[0] - 1e-9
    assert more[1] >= before[1] - 1e-9


def test_bounds_hold_the_truth_as_often_as_they_say() -> None:
    # A part of the grid of benchmarks/intervals.py, before bounds are made monotone, which only widens them.
    rng, tables, large = np.random.default_rng(5), 2000, []
    for people, samples, correlation, rate in product((20, 40), (1, 4, 9), (0.0, 0.1, 0.3), (0.01, 0.05, 0.2, 0.5)):
        own = np.full((tables, people), rate)
        if correlation:
            odds = (1 - correlation) / correlation
            own = rng.beta(rate * odds, (1 - rate) * odds, own.shape)
        errors, rows = rng.binomial(samples, own).astype(float), np.full(people, float(samples))
        high, low = direct_upper_ends(errors, rows), 1 - direct_upper_ends(rows - errors, rows)
        held = float(((low <= rate) & (rate <= high)).mean())
        assert held >= 0.93, (people, samples, correlation, rate)
        if people * samples / (1 + (samples - 1) * correlation) * rate >= 5:
            large.append(held)
    assert len(large) > 30
    assert np.mean(large) <= 0.975


def test_people_not_seen_are_the_upper_end_of_no_errors() -> None:
    assert unseen_share(360, 40) == pytest.approx(share_bounds(np.zeros(40), np.full(40, 9.0))[1])
    assert unseen_share(40, 40) == pytest.approx(1 - 0.025 ** (1 / 40))
    assert unseen_share(1, 1) == pytest.approx(0.975)


def test_counts_that_cannot_be_are_refused() -> None:
    for errors, rows in (([3.0], [2.0]), ([0.0, 0.0], [1.0]), ([-1.0], [2.0]), ([0.0], [0.0]), ([], [])):
        with pytest.raises(BadInputError):
            share_bounds(np.array(errors), np.array(rows))
    with pytest.raises(BadInputError, match="no data"):
        count_interval(np.zeros(2), np.zeros(2))
    assert count_interval(np.array([1.0, 0.0]), np.array([2.0, 0.0])).n == 2
