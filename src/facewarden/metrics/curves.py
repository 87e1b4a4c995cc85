"""Error curves on all resamples at once.

Figures of the whole curve (EER, AUC, BPCER at an APCER) need counts per subject and threshold. The thresholds are
thinned to about a thousand that lie densely where either class has rows and in the tails that decide. Each replicate's
curve is exact at the kept thresholds and straight between them; with fewer distinct scores it is exact everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.metrics.checked import Bools, Floats, Ints, crossing
from facewarden.metrics.resample import Resampling, Weights

MAX_CELLS = 1024


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
        """How many cells there are."""
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


def cell_counts(cell: Ints, unit: Ints, *, cells: int, weights: Weights) -> Floats:
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


class CurveReplicates:
    """Both classes' error rates at the kept thresholds, on every resample and, in the last row, as the rows are.

    Args:
        scores: (n,) of both classes.
        cells: the thinned threshold axis.
        bona_fide: (n,) which rows are bona fide.
        species: row indices by species.
        drawn: the resamples.
    """

    def __init__(
        self, scores: Floats, cells: Cells, *, bona_fide: Bools, species: dict[str, Ints], drawn: Resampling
    ) -> None:
        self._cells = cells
        cell = cells.of(scores)
        weights = np.concatenate([drawn.weights, np.ones((1, drawn.weights.shape[1]), dtype=np.float32)])

        def counts(chosen: Bools | Ints) -> Floats:
            return cell_counts(cell[chosen], drawn.unit[chosen], cells=cells.count, weights=weights)

        self._positive = counts(bona_fide)
        self._negative = counts(~bona_fide)
        self._reject = 1.0 - accept_rates(self._positive)
        self.pooled = accept_rates(self._negative)
        self.by_species = {name: accept_rates(counts(chosen)) for name, chosen in species.items()}

    def eer(self) -> Floats:
        """Equal error rate on every resample."""
        return crossing(self.pooled, self._reject)

    def auc(self) -> Floats:
        """Area under the curve on every resample."""
        return auc_of(self._positive, self._negative)

    def bpcer_at(self, target: float, accept: Floats) -> Floats:
        """BPCER where the attack acceptance rate meets the target, on every resample."""
        return reject_at_accept(accept, self._reject, target=target, steps=self._cells.steps)
