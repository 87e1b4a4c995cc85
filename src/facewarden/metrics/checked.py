"""Checked inputs and exact threshold counting, shared by every error rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facewarden.core.errors import BadInputError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def checked_scores(scores: Array, *, what: str = "scores") -> Floats:
    """One-dimensional finite float64 scores, or a BadInputError that says what they are and where they break."""
    values = np.asarray(scores)
    if values.ndim != 1:
        raise BadInputError(f"{what} must have one dimension, got shape {values.shape}", hint="pass one score per row")
    if values.dtype.kind not in "fiub":
        raise BadInputError(f"{what} must be numbers, got {values.dtype}", hint="pass one number per row")
    values = values.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        raise BadInputError(
            f"{what}: {np.count_nonzero(~finite)} of {values.size} are NaN or infinite, the first at row "
            f"{int(np.argmin(finite))}",
            hint="score those rows again or drop them, and report how many were dropped",
        )
    return values


def nonempty(values: Array, *, what: str) -> None:
    """Raise a BadInputError that names the class without rows."""
    if values.size == 0:
        raise BadInputError(f"there is no {what} row", hint=f"add {what} rows; both classes are needed")


def same_length(first: Array, second: Array, *, names: str) -> None:
    """Raise a BadInputError unless the two arrays have one row each per sample."""
    if first.shape[:1] != second.shape[:1] or second.ndim != 1:
        raise BadInputError(
            f"{names} must have one entry per row, got shapes {first.shape} and {second.shape}",
            hint="take both from the same table",
        )


def checked_labels(labels: Array) -> Bools:
    """True for bona fide (1), False for attack (0); any other label raises BadInputError."""
    values = np.asarray(labels)
    bona_fide: Bools = values == 1
    wrong = ~(bona_fide | (values == 0))
    if wrong.any():
        raise BadInputError(
            f"label {values[np.argmax(wrong)]!r} at row {int(np.argmax(wrong))}", hint="use 1 = bona fide, 0 = attack"
        )
    return bona_fide


def checked_species(species: Array) -> Array:
    """Species of attack rows; one that is called bona fide raises BadInputError, since its label says attack.

    Whole numbers are codes of names that were checked where they were read.
    """
    names = np.asarray(species)
    if names.dtype.kind in "iu":
        return names
    wrong = np.char.replace(np.char.lower(names.astype(str)), " ", "_") == "bona_fide" if names.size else names == 1
    if np.any(wrong):
        raise BadInputError(
            f"{np.count_nonzero(wrong)} of {names.size} rows with the label of an attack have the species bona_fide, "
            f"the first is attack row {int(np.argmax(wrong))}",
            hint="1 = bona fide, 0 = attack: exchange the labels, or name the species of the attacks",
        )
    return names


def checked_flags(same: Array) -> Bools:
    """True where a pair shows one person; anything but 0, 1 and booleans raises BadInputError."""
    values = np.asarray(same)
    flags: Bools = values == 1
    if not (flags | (values == 0)).all():
        raise BadInputError("same must be 1 (one person) or 0 (two persons)", hint="pass booleans")
    return flags


def codes_of(values: Array) -> tuple[Ints, Array]:
    """Integer code of every row and the sorted distinct values, as np.unique gives them but fast for strings.

    Sorting two million strings takes seconds; sorting their 64-bit hashes does not. A collision is detected (every row
    is compared with its representative) and falls back to np.unique, so the answer is always exact.
    """
    array = np.ascontiguousarray(values)
    if array.dtype.kind == "O":
        array = np.ascontiguousarray(array.astype(str))
    if array.dtype.kind in "US" and array.size and array.dtype.itemsize:
        letters = array.view(np.uint32 if array.dtype.kind == "U" else np.uint8).reshape(array.size, -1)
        factors = np.random.default_rng(0x5EED).integers(0, 2**64, size=letters.shape[1], dtype=np.uint64)
        hashes = np.empty(array.size, dtype=np.uint64)
        for start in range(0, array.size, 1 << 15):  # blocks stay in the cache
            block = letters[start : start + (1 << 15)]
            used = block.any(axis=0)
            hashes[start : start + (1 << 15)] = block[:, used].astype(np.uint64) @ factors[used]
        _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        representatives = array[first]
        if np.array_equal(representatives[inverse], array):
            order = np.argsort(representatives)
            rank = np.empty(order.size, dtype=np.int64)
            rank[order] = np.arange(order.size)
            return rank[inverse], representatives[order]
    names, codes = np.unique(array, return_inverse=True)
    return codes.astype(np.int64), names


@dataclass(frozen=True)
class ErrorCurve:
    """Exact error counts at every threshold that makes a difference; a row is accepted iff score >= threshold.

    Attributes:
        thresholds: (m,) the distinct scores in rising order, then one value above them all, which rejects everything.
        false_accepts: (m,) negatives accepted at each threshold, falling from all of them to 0.
        false_rejects: (m,) positives rejected at each threshold, rising from 0 to all of them.
        positives: how many rows should be accepted (bona fide, genuine).
        negatives: how many rows should be rejected (attack, impostor).
    """

    thresholds: Floats
    false_accepts: Ints
    false_rejects: Ints
    positives: int
    negatives: int

    def cut(self, index: int) -> float:
        """The threshold to use for entry `index`: halfway to the next lower score, which decides these rows the same.

        Between two scores of the tuning rows every threshold has the same errors; the middle leaves new scores the
        same room on both sides.
        """
        return midway(self.thresholds[index - 1] if index else None, self.thresholds[index])


def midway(lower: float | None, upper: float) -> float:
    """A threshold that rejects `lower` and accepts `upper`, in the middle where floating point leaves room."""
    if lower is None:
        return float(upper)
    middle = float(lower) / 2 + float(upper) / 2
    return middle if lower < middle <= upper else float(upper)


def error_curve(positive: Floats, negative: Floats) -> ErrorCurve:
    """Count errors at every distinct score of two non-empty classes; equal scores always fall together."""
    positive, negative = np.sort(positive), np.sort(negative)
    merged = np.concatenate([positive, negative])
    merged.sort(kind="stable")  # merges two sorted runs in linear time
    distinct = merged[np.concatenate([[True], merged[1:] != merged[:-1]])]
    thresholds = np.append(distinct, np.nextafter(distinct[-1], np.inf))
    return ErrorCurve(
        thresholds=thresholds,
        false_accepts=(negative.size - np.searchsorted(negative, thresholds, side="left")).astype(np.int64),
        false_rejects=np.searchsorted(positive, thresholds, side="left").astype(np.int64),
        positives=positive.size,
        negatives=negative.size,
    )


def crossing(accept_rate: Floats, reject_rate: Floats) -> Floats:
    """Where falling false-accept and rising false-reject rates meet, straight lines between thresholds.

    Args:
        accept_rate: (..., m) false-accept rates, falling from 1 to 0 along the last axis.
        reject_rate: (..., m) false-reject rates, rising from 0 to 1.

    Returns:
        (...) the common value; NaN where a rate is NaN.
    """
    gap = accept_rate - reject_rate
    after = np.argmax(gap <= 0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)

    def at(values: Floats, index: Array) -> Floats:
        return np.take_along_axis(values, index, axis=-1)[..., 0]

    high, low = at(gap, before), at(gap, after)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, high / (high - low), 0.0)
        value: Floats = at(accept_rate, before) + share * (at(accept_rate, after) - at(accept_rate, before))
    return np.where(np.isnan(gap).any(axis=-1), np.nan, value)


def equal_error(curve: ErrorCurve) -> tuple[float, float]:
    """Equal error rate on the interpolated curve, and the usable threshold whose two rates are closest to each other.

    Where two thresholds are equally close, the higher one is taken, which lets fewer negatives through.
    """
    accept_rate = curve.false_accepts / curve.negatives
    reject_rate = curve.false_rejects / curve.positives
    # Integers decide the tie exactly; the rates would differ in the last bit.
    gap = np.abs(curve.false_accepts * curve.positives - curve.false_rejects * curve.negatives)
    index = gap.size - 1 - int(np.argmin(gap[::-1]))
    return float(crossing(accept_rate, reject_rate)), curve.cut(index)


def largest_count(target: float, total: int) -> int:
    """The largest k with k / total <= target, immune to the rounding of target * total."""
    if not 0 <= target <= 1:
        raise BadInputError(f"an error rate lies between 0 and 1, got {target}", hint="write 5 % as 0.05")
    count = min(int(target * total), total)
    while count < total and (count + 1) / total <= target:
        count += 1
    while count > 0 and count / total > target:
        count -= 1
    return count


def threshold_for_accepts(positive: Floats, negatives: Sequence[Floats], *, target: float) -> float:
    """The lowest threshold at which no group of negatives is accepted at a rate above the target.

    Args:
        positive: scores of the class to accept; they only place the threshold halfway between scores.
        negatives: one array per group (one PAI species each, or all impostors as a single group).
        target: the highest tolerated false-accept rate of any one group.

    Returns:
        A threshold; reaching the target exactly is allowed, exceeding it never, also where scores are tied.
    """
    rejected = -np.inf
    for scores in negatives:
        tolerated = largest_count(target, scores.size)
        if tolerated < scores.size:
            place = scores.size - 1 - tolerated
            rejected = max(rejected, float(np.partition(scores, place)[place]))
    every = np.concatenate([positive, *negatives])
    above = every[every > rejected]
    if above.size == 0:
        return float(np.nextafter(rejected, np.inf))
    return midway(rejected if np.isfinite(rejected) else None, float(above.min()))


def area_under_curve(positive: Floats, negative: Floats) -> float:
    """Probability that a random positive scores above a random negative, a tie counting one half."""
    negative = np.sort(negative)
    positive = np.sort(positive)
    below = np.searchsorted(negative, positive, side="left").sum(dtype=np.int64)
    not_above = np.searchsorted(negative, positive, side="right").sum(dtype=np.int64)
    return float((int(below) + int(not_above)) / (2 * positive.size * negative.size))
