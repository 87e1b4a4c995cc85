"""Gains by hand: halves of people choose for each other, ceilings, the share of the gap, and the trap of low rates."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.evaluation.sampling import halves
from facewarden.experiments.sfa_senses.gains import ArmPair, chosen, gain_of, raised

PEOPLE = np.array([f"p{number // 4}" for number in range(80)])
LABEL = np.zeros(80, np.int64)
ALL = np.ones(80, bool)


def pair(before: np.ndarray, after: np.ndarray, place: str = "a") -> ArmPair:
    return ArmPair(place, ALL, before, after)


def first_of_four(count: int) -> np.ndarray:
    """Of each person's four captures the first ones succeed."""
    return np.arange(80) % 4 < count


def test_halves_keep_people_whole_and_are_equally_large() -> None:
    half = halves(PEOPLE.tolist(), seed=3)
    assert all(len(set(half[person == PEOPLE])) == 1 for person in set(PEOPLE))
    assert half.sum() == 40
    assert not np.array_equal(half, halves(PEOPLE.tolist(), seed=4))


def test_a_cell_counts_on_one_half_where_its_rate_on_the_other_half_lies_in_the_band() -> None:
    half = halves(PEOPLE.tolist(), seed=0)
    uneven = half == 0  # every attack on half 0 succeeds, none on half 1
    kept = chosen([pair(uneven, ALL)], rows=ALL, half=half, band=(50.0, 100.0))
    assert len(kept) == 1
    assert np.array_equal(kept[0][1], half == 1)  # chosen by half 0, counted on half 1
    assert chosen([pair(uneven, ALL)], rows=ALL, half=half, band=(5.0, 60.0)) == []
    both = chosen([pair(first_of_four(1), ALL)], rows=ALL, half=half, band=(5.0, 60.0))
    assert [mask.sum() for _, mask in both] == [40, 40]


def test_arms_that_are_compared_with_different_ones_count_over_the_same_cells() -> None:
    half = halves(PEOPLE.tolist(), seed=0)
    most, more = first_of_four(3), first_of_four(4)
    dropped = ArmPair("a", ALL, most, more)  # the arm compared with succeeds in 75 %
    assert chosen([dropped], rows=ALL, half=half, band=(5.0, 60.0)) == []
    kept = ArmPair("a", ALL, most, more, ALL, first_of_four(1))  # plain succeeds in 25 %
    assert [mask.sum() for _, mask in chosen([kept], rows=ALL, half=half, band=(5.0, 60.0))] == [40, 40]


@pytest.mark.parametrize(
    ("unit", "gain", "ceiling"), [("percent", 100.0, 300.0), ("points", 25.0, 75.0)]
)  # from 1 of 4 to 2 of 4, at most to 4 of 4
def test_gain_ceiling_and_the_share_of_the_gap(unit: str, gain: float, ceiling: float) -> None:
    found = gain_of([pair(first_of_four(1), first_of_four(2))], unit=unit, direction="attack_as_bona_fide",
                    band=(5.0, 60.0), label=LABEL, subject=PEOPLE, seed=0)  # type: ignore[arg-type]  # fmt: skip
    assert found is not None
    assert (found.before.value, found.after.value) == (0.25, 0.5)
    assert found.gain.value == pytest.approx(gain)
    assert found.ceiling == pytest.approx(ceiling)
    assert found.closed.value == pytest.approx(100 / 3)
    assert (found.cells, found.samples) == (2, 80)


def test_cells_weigh_the_same_whatever_their_captures() -> None:
    few = ArmPair("few", np.arange(80) < 8, first_of_four(0), ALL)
    found = gain_of([pair(first_of_four(2), first_of_four(2)), few], unit="points", direction="pooled", band=None,
                    label=LABEL, subject=PEOPLE, seed=0)  # fmt: skip
    assert found is not None
    assert found.gain.value == pytest.approx(50.0)  # the mean of 0 and 100


def test_another_direction_has_no_sample_and_percent_of_nothing_is_none() -> None:
    cells = [pair(first_of_four(1), ALL)]
    settings = {"label": LABEL, "subject": PEOPLE, "seed": 0}
    assert gain_of(cells, unit="points", direction="bona_fide_as_attack", band=None, **settings) is None  # type: ignore[arg-type]
    none = [pair(first_of_four(0), ALL)]
    assert gain_of(none, unit="percent", direction="pooled", band=None, **settings) is None  # type: ignore[arg-type]
    assert np.isnan(raised(0.0, 0.5, unit="percent"))


def test_choosing_by_chance_on_the_captures_that_count_would_show_a_gain_that_is_none() -> None:
    rng = np.random.default_rng(0)
    people = np.array([f"p{number}" for number in range(60)])
    label = np.zeros(60, np.int64)
    # both arms succeed with probability 0.08, independently: cells below 5 % by chance seem to gain
    cells = [ArmPair(str(n), np.ones(60, bool), rng.random(60) < 0.08, rng.random(60) < 0.08) for n in range(200)]
    naive = [cell for cell in cells if cell.before.mean() <= 0.05]
    apparent = 100 * np.mean([cell.after.mean() - cell.before.mean() for cell in naive])
    found = gain_of(cells, unit="points", direction="pooled", band=(0.0, 5.0), label=label, subject=people, seed=0)
    assert found is not None
    assert apparent > 3.0
    assert abs(found.gain.value) < 1.0
