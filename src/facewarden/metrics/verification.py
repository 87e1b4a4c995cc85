"""Verification on pairs of faces, with intervals that know that two people stand behind every impostor pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.metrics.checked import (
    Array,
    Bools,
    Floats,
    checked_flags,
    checked_scores,
    codes_of,
    nonempty,
    same_length,
)
from facewarden.metrics.intervals import Interval, percentile_interval
from facewarden.metrics.match import accuracy_10fold
from facewarden.metrics.ranked_pairs import RankedPairs
from facewarden.metrics.resample import resampling

MOST_PAIRS = 8_000_000
"""Pairs that are kept at once; 4,000 photos have so many."""
_ROWS = 64


@dataclass(frozen=True)
class PairCounts:
    """How many pairs were compared.

    Attributes:
        genuine, impostor: pairs of one person and of two that are in the figures.
        not_drawn: impostor pairs that are not, since there are too many.
    """

    genuine: int
    impostor: int
    not_drawn: int


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
    return _summary(
        values, is_same, one=one, two=two, people=people.size, folds=folds, fars=tuple(fars), seed=seed, rounds=rounds
    )


def verification_of_vectors(
    vectors: Array,
    people: Array,
    *,
    fars: Sequence[float] = (0.001, 0.01),
    seed: int = 0,
    rounds: int = 1000,
    most_pairs: int = MOST_PAIRS,
) -> tuple[VerificationSummary, PairCounts]:
    """Compare every photo with every other and compute the figures of `verification_summary`.

    Pairs are made a block of rows at a time and kept as numbers of a few bytes. Where they would be more than
    `most_pairs`, impostor pairs are drawn by seed: every genuine pair counts, and the count says how many were left.

    Args:
        vectors: (n, d) unit vectors.
        people: (n,) who is on each photo.
        fars: false accept rates at which the true accept rate is taken.
        seed, rounds: of the bootstrap, and of the draw.
        most_pairs: how many pairs are kept at once.

    Raises:
        BadInputError: vectors that are not finite, or no pair of one kind.
    """
    unit = np.asarray(vectors, dtype=np.float64)
    codes, names = codes_of(np.asarray(people))
    sizes = np.bincount(codes, minlength=names.size)
    total, genuine = len(unit) * (len(unit) - 1) // 2, int((sizes * (sizes - 1) // 2).sum())
    room = max(most_pairs - genuine, 1)
    share = min(1.0, room / max(total - genuine, 1))
    small = codes.astype(np.uint16 if names.size < 1 << 16 else np.int64)
    most = total if share == 1.0 else genuine + room + 6 * int(np.sqrt(room)) + 6
    values, is_same = np.empty(most), np.empty(most, dtype=bool)
    one, two = np.empty(most, dtype=small.dtype), np.empty(most, dtype=small.dtype)
    draw, filled = np.random.default_rng(derive(seed, "impostor pairs")), 0
    for start in range(0, len(unit), _ROWS):
        stop = min(start + _ROWS, len(unit))
        row, column = np.nonzero(np.arange(start, stop)[:, None] < np.arange(len(unit))[None])
        similarity = (unit[start:stop] @ unit.T)[row, column]
        first, second = small[start + row], small[column]
        same = first == second
        if share < 1.0:
            kept = same | (draw.random(same.size) < share)
            similarity, first, second, same = similarity[kept], first[kept], second[kept], same[kept]
        end = min(filled + same.size, most)
        part, taken = slice(filled, end), end - filled
        values[part], is_same[part] = checked_scores(similarity, what="similarities")[:taken], same[:taken]
        one[part], two[part], filled = first[:taken], second[:taken], end
    used = slice(0, filled)
    found = _summary(
        values[used], is_same[used], one=one[used], two=two[used], people=names.size, folds=None, fars=tuple(fars),
        seed=seed, rounds=rounds,
    )  # fmt: skip
    kept_genuine = int(is_same[used].sum())
    return found, PairCounts(kept_genuine, filled - kept_genuine, total - filled)


def _summary(
    values: Floats,
    is_same: Bools,
    *,
    one: Array,
    two: Array,
    people: int,
    folds: Array | None,
    fars: tuple[float, ...],
    seed: int,
    rounds: int,
) -> VerificationSummary:
    genuine = int(np.count_nonzero(is_same))
    nonempty(values[:genuine], what="genuine")
    nonempty(values[genuine:], what="impostor")
    drawn = resampling(np.arange(people), people, seed=seed, rounds=rounds)
    units = drawn.unit.astype(np.uint16 if people < 1 << 16 else np.int64)
    pairs = RankedPairs(values, is_same, units[one], units[two])
    replicates = np.array([pairs.figures(weights, fars) for weights in drawn.weights.astype(np.float64)])
    subjects = min(np.unique(one[is_same]).size, people)

    def interval(value: float, column: Floats, n: int) -> Interval:
        return percentile_interval(value, column, n=n, subjects=subjects)

    tar = tuple(
        (far, interval(pairs.tar_at_far(far), replicates[:, 1 + place], genuine)) for place, far in enumerate(fars)
    )
    accuracy, error = None, None
    if folds is not None:
        by_fold = accuracy_10fold(values, is_same, folds=np.asarray(folds))
        limits = dict(zip(np.unique(np.asarray(folds)).tolist(), by_fold.thresholds, strict=True))
        right = (values >= np.array([limits[fold] for fold in np.asarray(folds).tolist()])) == is_same
        shares = np.array([pairs.share(right, weights) for weights in drawn.weights.astype(np.float64)])
        accuracy, error = interval(by_fold.mean, shares, values.size), by_fold.standard_error
    return VerificationSummary(
        eer=interval(pairs.eer(), replicates[:, 0], values.size),
        eer_threshold=pairs.eer_threshold(),
        tar=tar,
        accuracy=accuracy,
        accuracy_standard_error=error,
    )
