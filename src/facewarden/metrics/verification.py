"""Verification on pairs of faces, with intervals that know that two people stand behind every impostor pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import (
    Array,
    Bools,
    Floats,
    checked_flags,
    checked_scores,
    codes_of,
    crossing,
    nonempty,
    same_length,
)
from facewarden.metrics.intervals import Interval, percentile_interval
from facewarden.metrics.match import accuracy_10fold, eer, eer_threshold, tar_at_far
from facewarden.metrics.resample import resampling


@dataclass(frozen=True)
class VerificationSummary:
    """Figures of one recognizer on one list of pairs.

    Attributes:
        eer: equal error rate.
        eer_threshold: the similarity at which it is reached.
        tar: (false accept rate, true accept rate at it) in the order asked for.
        accuracy: share of right answers by the ten-fold rule, where the pairs have folds.
        accuracy_standard_error: over the folds.
    """

    eer: Interval
    eer_threshold: float
    tar: tuple[tuple[float, Interval], ...]
    accuracy: Interval | None
    accuracy_standard_error: float | None


def verification_summary(
    similarity: Array,
    same: Array,
    *,
    first: Array,
    second: Array,
    folds: Array | None = None,
    fars: Sequence[float] = (0.001, 0.01),
    seed: int = 0,
    rounds: int = 1000,
) -> VerificationSummary:
    """Compute EER, TAR at FAR and ten-fold accuracy with 95 % intervals.

    Intervals come from the bootstrap that draws people: a resample in which a person was drawn w times holds each of
    the person's genuine pairs w times, and each impostor pair with one drawn v times w v times. Pairs drawn as if they
    were independent would give intervals far too narrow where everybody is compared with everybody.

    Args:
        similarity: (n,) of each pair.
        same: (n,) whether the pair shows one person.
        first, second: (n,) who is on each photo.
        folds: (n,) fold of each pair, for the accuracy.
        fars: false accept rates at which the true accept rate is taken.
        seed, rounds: of the bootstrap.

    Raises:
        BadInputError: not finite, of unequal length, without a pair of one kind, or `same` contradicts the people.

    Source: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap", CVIU 2004;
    for pairs of two people the weights multiply (Owen, "The pigeonhole bootstrap", AOAS 2007).
    """
    values, is_same = checked_scores(similarity, what="similarities"), checked_flags(same)
    for name, other in (("same", is_same), ("first", np.asarray(first)), ("second", np.asarray(second))):
        same_length(values, other, names=f"similarity and {name}")
    codes, people = codes_of(np.concatenate([np.asarray(first), np.asarray(second)]))
    one, two = codes[: values.size], codes[values.size :]
    if bool(((one == two) != is_same).any()):
        raise BadInputError(
            "a pair is called genuine though its people differ, or impostor though not", hint="first, second"
        )
    genuine, impostor = values[is_same], values[~is_same]
    nonempty(genuine, what="genuine")
    nonempty(impostor, what="impostor")
    drawn = resampling(np.arange(people.size), people.size, seed=seed, rounds=rounds)
    pairs = _Pairs(values, is_same, drawn.unit[one], drawn.unit[two])
    replicates = np.array([pairs.figures(weights, fars) for weights in drawn.weights.astype(np.float64)])
    subjects = min(np.unique(one[is_same]).size, people.size)

    def interval(value: float, column: Floats, n: int) -> Interval:
        return percentile_interval(value, column, n=n, subjects=subjects)

    tar = tuple(
        (far, interval(tar_at_far(genuine, impostor, far=far), replicates[:, 1 + place], genuine.size))
        for place, far in enumerate(fars)
    )
    accuracy, error = None, None
    if folds is not None:
        found = accuracy_10fold(values, is_same, folds=np.asarray(folds))
        limits = dict(zip(np.unique(np.asarray(folds)).tolist(), found.thresholds, strict=True))
        right = (values >= np.array([limits[fold] for fold in np.asarray(folds).tolist()])) == is_same
        shares = np.array([pairs.share(right, weights) for weights in drawn.weights.astype(np.float64)])
        accuracy, error = interval(found.mean, shares, values.size), found.standard_error
    return VerificationSummary(
        eer=interval(eer(genuine, impostor), replicates[:, 0], values.size),
        eer_threshold=eer_threshold(genuine, impostor),
        tar=tar,
        accuracy=accuracy,
        accuracy_standard_error=error,
    )


class _Pairs:
    """Pairs sorted by similarity, ready to be weighted."""

    def __init__(self, values: Floats, is_same: Bools, one: Array, two: Array) -> None:
        order = np.argsort(values, kind="stable")
        self._order = order
        self._same, self._one, self._two = is_same[order], one[order], two[order]
        ranked = values[order]
        # Equal scores fall together: only the last pair of a run closes a step of the curve.
        self._last = np.append(ranked[1:] != ranked[:-1], True)

    def weights(self, drawn: Floats) -> Floats:
        """Weight of each pair, in rank order, when people were drawn so many times."""
        found: Floats = drawn[self._one] * np.where(self._same, 1.0, drawn[self._two])
        return found

    def figures(self, drawn: Floats, fars: Sequence[float]) -> list[float]:
        """EER and the TAR at each FAR on one resample; NaN where it lacks a kind of pair."""
        weight = self.weights(drawn)
        reject, accept = self._rates(weight * self._same), 1 - self._rates(weight * ~self._same)
        if np.isnan(reject).any() or np.isnan(accept).any():
            return [float("nan")] * (1 + len(fars))
        places = [int(np.argmax(accept <= far + 1e-12)) for far in fars]
        return [float(crossing(accept, reject)), *(float(1 - reject[place]) for place in places)]

    def share(self, right: Bools, drawn: Floats) -> float:
        """Weighted share of right answers on one resample."""
        weight = self.weights(drawn)
        total = float(weight.sum())
        return float(weight @ right[self._order]) / total if total > 0 else float("nan")

    def _rates(self, weight: Floats) -> Floats:
        """Share of the weight below each threshold, from nothing rejected to everything."""
        below = np.concatenate([[0.0], np.cumsum(weight)[self._last]])
        with np.errstate(invalid="ignore"):
            rates: Floats = below / below[-1]
        return rates
