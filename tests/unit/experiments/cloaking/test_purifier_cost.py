"""Pairs of the cost of a purifier: the same as from the list of all of them, in memory that does not grow with it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.experiments.cloaking import purifier_cost
from facewarden.experiments.cloaking.purifier_cost import drawn_numbers, pairs_of, similarity_of


def crowd(sizes: list[int], *, seed: int = 0) -> dict[str, tuple[int, ...]]:
    """People with so many photos each, in an order that is not that of their names."""
    draw = np.random.default_rng(seed)
    rows = draw.permutation(sum(sizes)).tolist()
    names = [f"person {number}" for number in draw.permutation(len(sizes))]
    people = {}
    for name, size in zip(names, sizes, strict=True):
        people[name], rows = tuple(rows[:size]), rows[size:]
    return people


def listed(people: dict[str, tuple[int, ...]], *, seed: int, impostors: int) -> tuple[NDArray[Any], ...]:
    """The plain way: every pair in one list."""
    rows = np.array([row for person_rows in people.values() for row in person_rows])
    who = np.array([name for name, person_rows in people.items() for _ in person_rows])
    first, second = np.triu_indices(len(rows), 1)
    same = who[first] == who[second]
    strangers = np.flatnonzero(~same)
    drawn = np.random.default_rng(derive(seed, "impostors")).permutation(strangers)[:impostors]
    chosen = np.concatenate([np.flatnonzero(same), np.sort(drawn)])
    return rows[first[chosen]], rows[second[chosen]], who[first[chosen]], who[second[chosen]]


@pytest.mark.parametrize("sizes", [[3, 1, 4, 2], [1, 1], [5], [2] * 30])
@pytest.mark.parametrize("impostors", [7, 30000])
def test_pairs_are_those_of_the_whole_list(sizes: list[int], impostors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purifier_cost, "_IMPOSTORS", impostors)
    people = crowd(sizes)
    found, plain = pairs_of(people, seed=3), listed(people, seed=3, impostors=impostors)
    assert np.array_equal(found[0], plain[0])
    assert np.array_equal(found[1], plain[1])
    names = np.unique(list(people))
    for numbers, who in zip(found[2:], plain[2:], strict=True):
        assert np.array_equal(names[numbers], who)


def test_a_crowd_of_thousands_takes_little_memory() -> None:
    people = crowd([3] * 3000)  # 40 million pairs
    tracemalloc.start()
    first, second, one, two = pairs_of(people, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
    same = one == two
    assert (int(same.sum()), int((~same).sum())) == (9000, 30000)
    assert len(np.unique(np.stack([first, second]), axis=1).T) == 39000


def test_drawn_numbers_are_spread_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purifier_cost, "_IMPOSTORS", 1000)
    found = drawn_numbers(10**9, np.random.default_rng(0))
    assert len(np.unique(found)) == 1000
    counts = np.histogram(found, bins=4, range=(0, 10**9))[0]
    assert counts.min() > 200


def test_similarities_are_the_same_bits_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    one, two = (draw.normal(size=(40, 16)).astype(np.float32) for _ in range(2))
    first, second = (draw.integers(40, size=500) for _ in range(2))
    whole = np.einsum("nd,nd->n", one[first].astype(np.float64), two[second].astype(np.float64))
    monkeypatch.setattr(purifier_cost, "_AT_ONCE", 64)
    assert np.array_equal(similarity_of(one, two, first, second), whole)
