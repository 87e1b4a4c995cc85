"""Thresholds set anew on every resample of the people they were set on, for intervals of what is measured at them.

A threshold frozen on forty people is itself an estimate. An interval that resamples only the people it is applied to
takes it for known and is too narrow, the more so the fewer people set it.
"""

from __future__ import annotations

import numpy as np

from facewarden.core.seeding import derive
from facewarden.metrics.checked import Array, Bools, Floats, checked_labels, checked_scores, codes_of, same_length
from facewarden.metrics.resample import Weights, resampling

_AT_ONCE = 4_000_000


def eer_threshold_replicates(
    scores: Array, labels: Array, *, subjects: Array, strata: Array, seed: int, rounds: int
) -> Floats:
    """The threshold of `eer_threshold` on resamples of the subjects, drawn within each stratum.

    Args:
        scores, labels, subjects: (n,) of the rows that set the threshold.
        strata: (n,) e.g. the source domain. The draws of a stratum depend on its name, its subjects, the seed and the
            rounds alone, so that models and protocols that share a domain share its draws.
        seed: of the resamples.
        rounds: how many.

    Returns:
        (rounds,); NaN where a resample lacks a class.

    Raises:
        BadInputError: an unknown label, a score that is no number, or arrays of different lengths.
    """
    values, bona_fide = checked_scores(scores), checked_labels(labels)
    for other, name in ((bona_fide, "labels"), (np.asarray(subjects), "subjects"), (np.asarray(strata), "strata")):
        same_length(values, other, names=f"scores and {name}")
    unit, weights = stratified(np.asarray(subjects), np.asarray(strata), seed=seed, rounds=rounds)
    order = np.argsort(values, kind="stable")
    ordered, positive, unit = values[order], bona_fide[order], unit[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1])
    found = np.empty(rounds)
    step = max(1, _AT_ONCE // values.size)
    for start in range(0, rounds, step):
        drawn = weights[start : start + step][:, unit].astype(np.float64)
        found[start : start + step] = _closest(ordered[starts], drawn, positive, starts)
    return found


def _closest(distinct: Floats, drawn: Floats, positive: Bools, starts: Array) -> Floats:
    """Where the two error counts of each round are closest, halfway down to the next score that was drawn."""
    bona_fide = np.add.reduceat(drawn * positive, starts, axis=1)
    attack = np.add.reduceat(drawn * ~positive, starts, axis=1)
    people, attacks = bona_fide.sum(axis=1, keepdims=True), attack.sum(axis=1, keepdims=True)
    none = np.zeros_like(people)
    rejected = np.concatenate([none, np.cumsum(bona_fide, axis=1)], axis=1)
    accepted = attacks - np.concatenate([none, np.cumsum(attack, axis=1)], axis=1)
    gap = np.abs(accepted * people - rejected * attacks)  # whole numbers: ties are exact, the highest is taken
    place = gap.shape[1] - 1 - np.argmin(gap[:, ::-1], axis=1)
    here = (bona_fide + attack) > 0
    at = np.arange(distinct.size)
    below = np.maximum.accumulate(np.where(here, at, -1), axis=1)
    rows = np.arange(place.size)
    lower = np.where(place > 0, below[rows, np.maximum(place - 1, 0)], -1)
    top = np.nextafter(distinct[below[:, -1]], np.inf)
    upper = np.where(place < distinct.size, distinct[np.minimum(place, distinct.size - 1)], top)
    middle = distinct[lower] / 2 + upper / 2
    usable = (lower >= 0) & (distinct[lower] < middle) & (middle <= upper)
    return np.where((people * attacks)[:, 0] > 0, np.where(usable, middle, upper), np.nan)


def stratified(subjects: Array, strata: Array, *, seed: int, rounds: int) -> tuple[Array, Weights]:
    """Resamples that draw the subjects of each stratum with replacement; units by row, and weights by round."""
    unit = np.empty(subjects.size, dtype=np.int64)
    blocks: list[Weights] = []
    width = 0
    for name in sorted(set(strata.tolist())):
        rows = np.flatnonzero(strata == name)
        codes, people = codes_of(subjects[rows])
        drawn = resampling(codes, people.size, seed=derive(seed, "stratum", str(name)), rounds=rounds)
        unit[rows] = drawn.unit + width
        blocks.append(drawn.weights)
        width += drawn.weights.shape[1]
    return unit, np.concatenate(blocks, axis=1)


def error_rate_replicates(scores: Floats, *, thresholds: Floats, accept: bool, unit: Array, weights: Weights) -> Floats:
    """Share of rows accepted (or rejected) on every resample, each at a threshold of its own.

    Args:
        scores: (n,) of one class.
        thresholds: (rounds,); accept iff score >= threshold, NaN where there is none.
        accept: whether acceptance is the error.
        unit: (n,) which column of the weights each row belongs to.
        weights: (rounds, units) how often each was drawn.

    Returns:
        (rounds,); NaN where a round has no rows or no threshold.
    """
    found = np.empty(thresholds.size)
    step = max(1, _AT_ONCE // max(1, scores.size))
    for start in range(0, thresholds.size, step):
        part = slice(start, start + step)
        accepted = scores[None] >= thresholds[part, None]
        drawn = weights[part][:, unit].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[part] = (drawn * (accepted == accept)).sum(axis=1) / drawn.sum(axis=1)
    return np.where(np.isnan(thresholds), np.nan, found)
