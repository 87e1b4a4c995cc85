"""Pairs of faces sorted by similarity, with figures read off in blocks, so that memory stays near the pairs themselves.

A comparison is accepted iff its similarity is at least the threshold; equal similarities always fall together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facewarden.metrics.checked import Array, Bools, Floats, largest_count, midway

_BLOCK = 1 << 18

Condition = Callable[[Floats, Floats], Bools]
"""Whether a threshold is high enough, from the weight of genuine and of impostor pairs below it."""


@dataclass(frozen=True)
class _Step:
    """A step of the curve: everything up to a rank is rejected.

    Attributes:
        rank: of the last rejected pair, -1 where nothing is rejected.
        genuine, impostor: the weight of the rejected pairs.
    """

    rank: int
    genuine: float
    impostor: float


class RankedPairs:
    """Pairs in the order of their similarity.

    Args:
        values: (n,) finite similarities.
        same: (n,) whether a pair shows one person.
        one, two: (n,) code of the person on each photo.
    """

    def __init__(self, values: Floats, same: Bools, one: Array, two: Array) -> None:
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._same, self._one, self._two = same[order], one[order], two[order]
        # equal scores fall together: only the last pair of a run closes a step of the curve
        self._last = np.append(self._values[1:] != self._values[:-1], True)
        self._order = order

    def figures(self, drawn: Floats, fars: tuple[float, ...]) -> list[float]:
        """EER and the true accept rate at each false accept rate, when people were drawn so many times.

        Args:
            drawn: (people,) how often.
            fars: false accept rates.

        Returns:
            NaN everywhere where the resample lacks a kind of pair.
        """
        curve = _Curve(self, drawn)
        if not (curve.genuine > 0 and curve.impostor > 0):
            return [float("nan")] * (1 + len(fars))
        return [curve.eer(), *(curve.tar(far) for far in fars)]

    def tar_at_far(self, far: float) -> float:
        """True accept rate at the lowest threshold that accepts at most this share of the impostor pairs."""
        curve = self._plain()
        allowed = largest_count(far, round(curve.impostor))
        step = curve.first(lambda _, impostor: curve.impostor - impostor <= allowed)
        return 1.0 - step.genuine / curve.genuine

    def eer_threshold(self) -> float:
        """The threshold whose two error rates are closest to each other; of two equals the higher."""
        curve = self._plain()

        def gap(step: _Step) -> float:
            accepted = curve.impostor - step.impostor
            return abs(accepted * curve.genuine - step.genuine * curve.impostor)

        after, before = curve.crossing()
        rank = (after if gap(after) <= gap(before) else before).rank
        upper = self._values[rank + 1] if rank + 1 < len(self._values) else np.nextafter(self._values[rank], np.inf)
        return midway(None if rank < 0 else float(self._values[rank]), float(upper))

    def eer(self) -> float:
        """Equal error rate, straight lines between thresholds."""
        return self._plain().eer()

    def share(self, right: Bools, drawn: Floats) -> float:
        """Weighted share of right answers; `right` is in the order in which the pairs were given."""
        hit = total = 0.0
        for start in range(0, len(self._values), _BLOCK):
            weight = self.weights(drawn, start)
            total += float(weight.sum())
            hit += float(weight @ right[self._order[start : start + _BLOCK]])
        return hit / total if total > 0 else float("nan")

    def weights(self, drawn: Floats, start: int) -> Floats:
        """Weight of each pair of a block: of one person once, of two people their product."""
        part = slice(start, start + _BLOCK)
        found: Floats = drawn[self._one[part]] * np.where(self._same[part], 1.0, drawn[self._two[part]])
        return found

    def _plain(self) -> _Curve:
        people = 1 + int(max(self._one.max(), self._two.max()))
        return _Curve(self, np.ones(people))


class _Curve:
    """Rejected weight over the ranks of one resample; only the sums of blocks are kept."""

    def __init__(self, pairs: RankedPairs, drawn: Floats) -> None:
        self._pairs, self._drawn = pairs, drawn
        sums = [[0.0, 0.0]]
        for start in range(0, len(pairs._values), _BLOCK):
            weight = pairs.weights(drawn, start)
            genuine = float(weight @ pairs._same[start : start + _BLOCK])
            sums.append([genuine, float(weight.sum()) - genuine])
        self._ends = np.cumsum(np.array(sums), axis=0)  # whole numbers, so the order of adding does not matter
        self.genuine, self.impostor = (float(total) for total in self._ends[-1])

    def eer(self) -> float:
        """Where the two error rates meet on straight lines between thresholds."""
        after, before = self.crossing()
        low, high = self._gap(after), self._gap(before)
        share = high / (high - low) if high > low else 0.0
        accept, earlier = ((self.impostor - step.impostor) / self.impostor for step in (after, before))
        return float(earlier + share * (accept - earlier))

    def tar(self, far: float) -> float:
        """True accept rate at the first threshold with a false accept rate of at most `far`."""
        step = self.first(lambda _, impostor: (self.impostor - impostor) / self.impostor <= far + 1e-12)
        return 1.0 - step.genuine / self.genuine

    def crossing(self) -> tuple[_Step, _Step]:
        """The first step at which no more is accepted than rejected, and the one before it."""
        after = self.first(
            lambda genuine, impostor: (self.impostor - impostor) / self.impostor <= genuine / self.genuine
        )
        return after, self._before(after)

    def first(self, enough: Condition) -> _Step:
        """The first step of the curve that meets a condition which stays met from there on."""
        if bool(enough(np.zeros(1), np.zeros(1))[0]):
            return _Step(-1, 0.0, 0.0)
        block = int(np.argmax(enough(self._ends[1:, 0], self._ends[1:, 1])))
        while True:
            genuine, impostor = self._below(block)
            start = block * _BLOCK
            places = np.flatnonzero(enough(genuine, impostor) & self._pairs._last[start : start + _BLOCK])
            if places.size:
                place = int(places[0])
                return _Step(start + place, float(genuine[place]), float(impostor[place]))
            block += 1  # a run of equal scores that ends in a later block

    def _before(self, step: _Step) -> _Step:
        rank = step.rank - 1
        while rank >= 0:
            block = rank // _BLOCK
            start = block * _BLOCK
            places = np.flatnonzero(self._pairs._last[start : rank + 1])
            if places.size:
                place = int(places[-1])
                genuine, impostor = self._below(block)
                return _Step(start + place, float(genuine[place]), float(impostor[place]))
            rank = start - 1
        return _Step(-1, 0.0, 0.0)

    def _below(self, block: int) -> tuple[Floats, Floats]:
        """Rejected weight at every rank of a block."""
        start = block * _BLOCK
        weight, same = self._pairs.weights(self._drawn, start), self._pairs._same[start : start + _BLOCK]
        genuine = self._ends[block, 0] + np.cumsum(weight * same)
        return genuine, self._ends[block, 1] + np.cumsum(weight * ~same)

    def _gap(self, step: _Step) -> float:
        return (self.impostor - step.impostor) / self.impostor - step.genuine / self.genuine
