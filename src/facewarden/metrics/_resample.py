"""Resampling of subjects, and every PAD figure on all resamples at once.

A resample of subjects is a row of weights (how often each was drawn), so counts on all resamples are one matrix product
of weights and per-subject counts. Figures of the whole curve (EER, AUC, BPCER at an APCER) need counts per subject and
threshold; the thresholds are thinned to about a thousand that lie densely where either class has rows and in the tails
that decide. Each replicate's curve is exact at the kept thresholds and straight between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics._core import Array, Floats, Ints, crossing

MAX_UNITS = 2048
MAX_CELLS = 1024
CHUNK = 250

_Weights = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True)
class Resampling:
    """What is drawn and how often.

    Attributes:
        unit: (n,) the unit each row belongs to: its subject or, above MAX_UNITS subjects, its group of subjects.
        weights: (rounds, units) how often each unit was drawn; whole numbers, so float32 products are exact.
        subjects: how many subjects there are.
    """

    unit: Ints
    weights: _Weights
    subjects: int


def resampling(codes: Ints, subjects: int, *, seed: int, rounds: int) -> Resampling:
    """Draw `rounds` resamples of the subjects with replacement.

    More than MAX_UNITS subjects are first joined at random into MAX_UNITS groups of equal size, which are drawn whole.
    Subjects are independent, so this estimates the same variance; the price is about 1.6 % noise in the width.
    """
    if rounds < 1:
        raise BadInputError(f"a bootstrap needs at least one round, got {rounds}", hint="use rounds=1000")
    rng = np.random.default_rng(seed)
    unit, units = codes, subjects
    if subjects > MAX_UNITS:
        unit, units = rng.permutation(subjects)[codes] % MAX_UNITS, MAX_UNITS
    weights = np.empty((rounds, units), dtype=np.float32)
    for start in range(0, rounds, CHUNK):
        block = weights[start : start + CHUNK]
        drawn = rng.integers(0, units, size=block.shape) + np.arange(block.shape[0])[:, None] * units
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return Resampling(unit=unit, weights=weights, subjects=subjects)


def rate_replicates(values: Floats, unit: Ints, weights: _Weights) -> Floats:
    """Weighted mean of per-row values on every resample; NaN where none of the rows was drawn."""
    units = weights.shape[1]
    total = np.bincount(unit, weights=values, minlength=units)
    count = np.bincount(unit, minlength=units).astype(np.float64)
    wide = weights.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate: Floats = (wide @ total) / (wide @ count)
    return rate


@dataclass(frozen=True)
class Cells:
    """The thinned threshold axis.

    Attributes:
        kept: (c + 1,) thresholds in rising order; the first accepts everything, the last nothing. Cell j holds the
            scores with kept[j] <= score < kept[j + 1].
        steps: (c,) how many distinct scores each cell holds.
    """

    kept: Floats
    steps: Ints

    def of(self, scores: Floats) -> Ints:
        """The cell of each score."""
        return np.searchsorted(self.kept, scores, side="right").astype(np.int64) - 1

    @property
    def count(self) -> int:
        return self.kept.size - 1


def thin(thresholds: Floats, groups: list[Floats], *, limit: int = MAX_CELLS) -> Cells:
    """Keep at most about `limit` thresholds: quantiles of each group of scores, evenly spaced and denser in the tails.

    Args:
        thresholds: (m,) all distinct scores in rising order and one above them all.
        groups: scores of each class.
        limit: how many to keep; with no more than this all are kept and replicates are exact.
    """
    if thresholds.size <= limit + 1:
        return Cells(kept=thresholds, steps=np.ones(thresholds.size - 1, dtype=np.int64))
    share = limit // (4 * len(groups))
    logit = np.linspace(-12, 12, share)
    levels = np.concatenate([np.linspace(0, 1, share), 1 / (1 + np.exp(-logit))])
    marks = [np.sort(group)[np.rint(levels * (group.size - 1)).astype(np.int64)] for group in groups]
    index = np.unique(np.concatenate([[0, thresholds.size - 1], np.searchsorted(thresholds, np.concatenate(marks))]))
    return Cells(kept=thresholds[index], steps=np.diff(index))


def cell_counts(cell: Ints, unit: Ints, *, cells: int, weights: _Weights) -> Floats:
    """(rounds, cells) how many rows each cell holds on every resample."""
    units = weights.shape[1]
    table = np.bincount(unit * cells + cell, minlength=units * cells).reshape(units, cells).astype(np.float32)
    return (weights @ table).astype(np.float64)


def accept_rates(counts: Floats) -> Floats:
    """(rounds, cells + 1) share of rows at or above each kept threshold; NaN where a resample has no row."""
    above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([above, np.zeros((counts.shape[0], 1))], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates: Floats = padded / padded[:, :1]
    return rates


def auc_of(positive: Floats, negative: Floats) -> Floats:
    """(rounds,) area under the curve from (rounds, cells) counts; rows in one cell count one half."""
    below = np.cumsum(negative, axis=1) - negative
    wins = ((below + 0.5 * negative) * positive).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = wins / (positive.sum(axis=1) * negative.sum(axis=1))
    return area


def reject_at_accept(accept: Floats, reject: Floats, *, target: float, steps: Ints) -> Floats:
    """(rounds,) reject rate at the lowest threshold whose accept rate does not exceed the target.

    Inside a cell of many scores the curve is straight, but only its `steps` actual thresholds may be chosen, so that a
    cell of one score is exact.
    """
    # A replicate's 5 of 100 must count as 5 % though the sum was formed in another order.
    after = np.argmax(accept <= target + 1e-12, axis=1)
    rows = np.arange(accept.shape[0])
    before = np.maximum(after - 1, 0)
    cell = steps[np.minimum(before, steps.size - 1)]
    drop = accept[rows, before] - accept[rows, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(drop > 0, (accept[rows, before] - target) / drop, 1.0)
    share = np.clip(np.ceil(share * cell - 1e-9) / cell, 0.0, 1.0)
    value: Floats = reject[rows, before] + share * (reject[rows, after] - reject[rows, before])
    value = np.where(after == 0, reject[:, 0], value)
    return np.where(np.isnan(accept).any(axis=1) | np.isnan(reject).any(axis=1), np.nan, value)


def equal_error_of(accept: Floats, reject: Floats) -> Floats:
    """(rounds,) equal error rate from (rounds, cells + 1) rates."""
    return crossing(accept, reject)


def worst_of(rates: list[Floats]) -> Floats:
    """Elementwise maximum over species, leaving out the species that a resample did not draw."""
    worst = rates[0]
    for rate in rates[1:]:
        worst = np.fmax(worst, rate)
    return worst


def units_present(unit: Ints, mask: Array) -> int:
    """How many units have a row where the mask is true."""
    return int(np.unique(unit[mask]).size)
