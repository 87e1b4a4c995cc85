"""Demographic differentials of comparisons: FMR and FNMR of pairs within a group, at one threshold for everybody.

A pair belongs to a group where both people do. Chance is what remains when groups are assigned to people at random:
other pairs are then within a group. So a table should hold impostor pairs across groups as well; where it has none, a
random assignment has fewer pairs and chance is rather too large.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facewarden.core.seeding import checked_seed
from facewarden.metrics.checked import Floats, Ints
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.metrics.laboratory.differentials import Differentials, measures_of
from facewarden.metrics.resample import resampling

_VISITS = 100_000_000


def pair_differentials(
    wrong: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], *, first: Ints, second: Ints, group: Ints,
    names: Sequence[str], seed: int = 0, rounds: int = 1000,
) -> Differentials:  # fmt: skip
    """FMR (first rate) and FNMR (second rate) by group and measures of how far groups lie apart.

    Args:
        wrong: (n,) pairs that are decided wrongly: impostors that match, mated pairs that do not.
        same: (n,) whether both photos show one person.
        first, second: (n,) numbers of the two people.
        group: (people,) group of each person, -1 where it is not known.
        names: of the groups.
        seed, rounds: of dealings and of the bootstrap; of very many pairs fewer are made.
    """
    rng = np.random.default_rng(checked_seed(seed))
    groups = len(names)
    held = _Pairs(wrong, same, first, second, groups)
    of_pair = held.group_of(group)
    rates: dict[str, tuple[Interval | None, Interval | None]] = {}
    subjects: dict[str, int] = {}
    for code, name in enumerate(names):
        inside = of_pair == code
        if inside.any():
            rates[name] = (_rate(held, inside & ~same), _rate(held, inside & same))
            subjects[name] = int((group == code).sum())
    kept = [code for code, name in enumerate(names) if name in rates and None not in rates[name]]
    left_out = tuple(name for name in rates if None in rates[name])
    if len(kept) < 2:
        return Differentials(rates, subjects, (), left_out, rounds)
    many = min(rounds, max(100, _VISITS // max(wrong.size, 1)))
    known = np.flatnonzero(group >= 0)
    chance = np.empty((many, 4, groups))
    for index in range(many):
        shuffled = group.copy()
        shuffled[known] = rng.permutation(group[known])
        chance[index] = held.sums(held.group_of(shuffled), np.ones(wrong.size))
    drawn = resampling(np.arange(group.size), group.size, seed=seed, rounds=many)
    again = np.empty((many, 4, groups))
    for index in range(many):
        weight = drawn.weights[index][drawn.unit].astype(np.float64)
        # a pair of two people is drawn as often as both are; of one person as often as that one is
        again[index] = held.sums(of_pair, np.where(same, weight[first], weight[first] * weight[second]))
    real = held.sums(of_pair, np.ones(wrong.size))[None]
    uppers = [[one.high for name in rates if name not in left_out if (one := rates[name][side])] for side in (0, 1)]
    measures = measures_of(real[:, :, kept], chance[:, :, kept], again[:, :, kept], uppers=uppers)
    return Differentials(rates, subjects, measures, left_out, many)


class _Pairs:
    """Pairs with what is counted of them."""

    def __init__(
        self, wrong: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], first: Ints, second: Ints, groups: int
    ) -> None:
        self.wrong, self.same, self.first, self.second, self.groups = wrong, same, first, second, groups

    def group_of(self, group: Ints) -> Ints:
        """Group of each pair, -1 where its people are of two or not known."""
        one, other = group[self.first], group[self.second]
        return np.where(one == other, one, -1)

    def sums(self, group: Ints, weight: Floats) -> Floats:
        """(4, groups) errors of both rates and rows of both."""
        found = np.empty((4, self.groups))
        for side, chosen in enumerate((~self.same, self.same)):
            rows = chosen & (group >= 0)
            found[side] = np.bincount(group[rows], weights=weight[rows] * self.wrong[rows], minlength=self.groups)
            found[side + 2] = np.bincount(group[rows], weights=weight[rows], minlength=self.groups)
        return found


def _rate(held: _Pairs, chosen: npt.NDArray[np.bool_]) -> Interval | None:
    """A share of pairs with its interval; pairs of one first person are taken as a cluster."""
    if not chosen.any():
        return None
    who = np.unique(held.first[chosen], return_inverse=True)[1]
    return count_interval(np.bincount(who, weights=held.wrong[chosen].astype(np.float64)), np.bincount(who))
