"""Differentials by group: formulas worked by hand, what chance alone gives, and a real difference that is shown."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.metrics.laboratory.differentials import Differentials, counts_of, differentials


def rows(first: dict[str, tuple[int, int]], second: dict[str, tuple[int, int]], *, each: int = 1) -> Differentials:
    """Groups with (errors, rows) of both rates; `each` rows a person."""
    wrong, side, group, names = [], [], [], sorted({*first, *second})
    for kind, rates in enumerate((first, second)):
        for name, (errors, n) in rates.items():
            wrong += [True] * errors + [False] * (n - errors)
            side += [bool(kind)] * n
            group += [names.index(name)] * n
    subject = np.arange(len(wrong)) // each
    counts = counts_of(np.array(wrong), np.array(side), group=np.array(group), subject=subject, names=names)
    return differentials(counts, seed=1, rounds=400)


def test_measures_are_those_worked_by_hand() -> None:
    # FMR-like 0.10, 0.20, 0.30; FNMR-like 0.05, 0.05, 0.20
    found = rows({"a": (10, 100), "b": (20, 100), "c": (30, 100)}, {"a": (5, 100), "b": (5, 100), "c": (20, 100)})
    value = {one.name: one.value for one in found.measures}
    assert value["gap_first"] == pytest.approx(0.20)
    assert value["ratio_first"] == pytest.approx(3.0)
    assert value["fdr"] == pytest.approx(1 - (0.5 * 0.20 + 0.5 * 0.15))
    assert value["inequity_ratio"] == pytest.approx((3.0 * 4.0) ** 0.5)
    # Gini with n/(n-1): sum over ordered pairs |xi - xj| is 2 (0.1 + 0.2 + 0.1) = 0.8, then 2 (0 + 0.15 + 0.15) = 0.6
    first, second = 1.5 * 0.8 / (2 * 9 * 0.2), 1.5 * 0.6 / (2 * 9 * 0.1)
    assert value["garbe"] == pytest.approx(0.5 * first + 0.5 * second)


def test_one_group_with_all_errors_has_garbe_1_and_equal_groups_0() -> None:
    all_in_one = rows({"a": (10, 50), "b": (0, 50)}, {"a": (10, 50), "b": (0, 50)})
    value = {one.name: one for one in all_in_one.measures}
    assert value["garbe"].value == pytest.approx(1.0)
    assert value["ratio_first"].value is None
    high = all_in_one.rates["b"][0]
    assert high is not None
    assert value["ratio_first"].at_least == pytest.approx(0.2 / high.high)
    equal = rows({"a": (5, 50), "b": (5, 50)}, {"a": (5, 50), "b": (5, 50)})
    assert {one.name: one.value for one in equal.measures}["garbe"] == pytest.approx(0.0)


def test_chance_alone_gives_what_hypergeometric_draws_give() -> None:
    found = rows({"a": (6, 40), "b": (2, 40)}, {"a": (1, 40), "b": (1, 40)})
    gap = next(one for one in found.measures if one.name == "gap_first")
    # people of either kind of row may get either group, so draw both together
    rng = np.random.default_rng(0)
    errors, is_first = np.zeros(160), np.zeros(160)
    errors[:8], is_first[:80] = 1, 1
    drawn = []
    for _ in range(4000):
        order = rng.permutation(160)
        halves = (order[:80], order[80:])
        rates = [errors[half][is_first[half] == 1].mean() for half in halves]
        drawn.append(abs(rates[0] - rates[1]))
    assert gap.expected == pytest.approx(np.mean(drawn), abs=0.006)
    assert gap.p == pytest.approx(np.mean(np.array(drawn) >= 0.1 - 1e-12), abs=0.06)


def test_a_difference_is_shown_and_equal_rates_are_not_called_unequal() -> None:
    apart = rows({"a": (60, 200), "b": (10, 200)}, {"a": (40, 200), "b": (8, 200)}, each=2)
    assert max(one.p for one in apart.measures) < 0.01
    rng = np.random.default_rng(5)
    calm = []
    for _ in range(40):
        wrong, group = rng.random(240) < 0.2, rng.integers(0, 3, 240)
        counts = counts_of(wrong, np.arange(240) % 2 == 1, group=group, subject=np.arange(240) // 4, names="abc")
        calm.append(next(one.p for one in differentials(counts, rounds=100).measures if one.name == "garbe"))
    assert np.mean(np.array(calm) < 0.05) < 0.2
    assert 0.3 < np.mean(calm) < 0.7


def test_a_group_without_one_of_the_rates_is_left_out_and_named() -> None:
    found = rows({"a": (1, 10), "b": (2, 10), "c": (0, 5)}, {"a": (1, 10), "b": (2, 10)})
    assert found.left_out == ("c",)
    assert found.rates["c"][1] is None
    assert {one.groups for one in found.measures} == {2}
    assert rows({"a": (1, 10)}, {"a": (1, 10)}).measures == ()


def test_rows_without_a_group_are_in_no_rate() -> None:
    counts = counts_of(
        np.array([True, False, True]), np.array([True, True, True]), group=np.array([0, 0, -1]),
        subject=np.arange(3), names=("a", "b"),
    )  # fmt: skip
    assert counts.rows.sum() == 2


def test_a_dealing_that_leaves_a_group_without_a_rate_says_nothing() -> None:
    # one attacked and one bona fide person in the small group: most dealings leave it without one of the rates
    group = np.array([0, 1, 1, 1, 1, 1] * 2).repeat(5)
    subject, second = np.arange(12).repeat(5), np.arange(60) >= 30
    shares = []
    for seed in range(120):
        wrong = np.random.default_rng(seed).random(60) < 0.3  # the same rate in both groups
        counts = counts_of(wrong, second, group=group, subject=subject, names=("a", "b"))
        found = {one.name: one for one in differentials(counts, seed=seed, rounds=200).measures}
        shares.append([found[name].p for name in ("garbe", "fdr", "gap_first")])
        assert found["garbe"].expected is not None
    for level in (0.2, 0.5):
        assert np.all(np.mean(np.array(shares) <= level, axis=0) <= level + 3 * (level * (1 - level) / 120) ** 0.5)
