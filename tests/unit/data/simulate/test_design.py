"""Balanced designs: known orthogonal arrays are found, no exchange improves one, and sites separate all effects."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.sensor.design import balanced_design
from facewarden.data.simulate.sensor.sites import FACTORS, SITES, dev_sites

Rows = Sequence[Mapping[str, str]]


def table(rows: Rows, first: str, second: str) -> list[int]:
    """How many sites have each pair of levels of two factors."""
    counts = Counter((row[first], row[second]) for row in rows)
    return [counts[pair] for pair in itertools.product({r[first] for r in rows}, {r[second] for r in rows})]


def unevenness(rows: Rows) -> int:
    return sum(sum(n * n for n in table(rows, *pair)) for pair in itertools.combinations(rows[0], 2))


def main_effects(rows: Rows) -> np.ndarray:
    """The design matrix: a constant, and of every factor one column for each level but the first."""
    columns = [np.ones(len(rows))]
    for name in rows[0]:
        columns += [
            np.array([row[name] == level for row in rows], float) for level in sorted({r[name] for r in rows})[1:]
        ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_orthogonal_arrays_are_found(seed: int) -> None:
    halves = balanced_design(dict.fromkeys("xyz", "ab"), sites=4, seed=seed)
    assert all(table(halves, *pair) == [1, 1, 1, 1] for pair in itertools.combinations("xyz", 2))
    crossed = balanced_design({"x": "abc", "y": "de", "z": "fgh"}, sites=18, seed=seed)
    assert all(len(set(table(crossed, *pair))) == 1 for pair in itertools.combinations("xyz", 2))


def test_no_exchange_of_two_sites_makes_a_design_more_even() -> None:
    rows = [dict(row) for row in balanced_design({"x": "abc", "y": "defg", "z": "hi", "v": "jkl"}, sites=10, seed=1)]
    least = unevenness(rows)
    for name in "yzv":
        for one, other in itertools.combinations(rows, 2):
            one[name], other[name] = other[name], one[name]
            assert unevenness(rows) >= least
            one[name], other[name] = other[name], one[name]


def test_the_same_seed_gives_the_same_design_and_another_one_another() -> None:
    factors = {"x": "abc", "y": "de", "z": "fg"}
    assert balanced_design(factors, sites=8, seed=5) == balanced_design(factors, sites=8, seed=5)
    assert balanced_design(factors, sites=8, seed=5) != balanced_design(factors, sites=8, seed=6)


def test_a_design_needs_a_choice() -> None:
    with pytest.raises(BadInputError, match="two factors"):
        balanced_design({"x": "ab", "y": "c"}, sites=4, seed=0)


def test_every_pair_of_the_sites_levels_is_met_about_equally() -> None:
    rows = [site.factors for site in dev_sites()]
    assert len(rows) == SITES
    for name, levels in FACTORS.items():
        counts = Counter(row[name] for row in rows)
        assert set(counts) == set(levels)
        assert set(counts.values()) == {SITES // len(levels)}
    spreads = {
        pair: max(counts) - min(counts) for pair in itertools.combinations(FACTORS, 2) if (counts := table(rows, *pair))
    }
    assert max(spreads.values()) <= 2
    assert sum(spread == 2 for spread in spreads.values()) <= 12


def test_every_main_effect_of_the_sites_can_be_told_apart() -> None:
    matrix = main_effects([site.factors for site in dev_sites()])
    assert np.linalg.matrix_rank(matrix) == matrix.shape[1] == 1 + sum(len(levels) - 1 for levels in FACTORS.values())
    assert np.linalg.cond(matrix) < 30
