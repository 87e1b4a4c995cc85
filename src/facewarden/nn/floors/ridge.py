"""Ridge regression on labels +1 and -1 for many strengths at once, and the choice among them on other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

Rows = NDArray[np.float32]
STRENGTHS = (1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
"""Strengths that are tried on standardized numbers."""

_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and deviation of the numbers that are known; a constant number gets a deviation of 1.

    Attributes:
        mean, deviation: (f,).
    """

    mean: Rows
    deviation: Rows

    def of(self, description: Rows) -> Rows:
        """Standardized rows; what is absent (NaN) becomes 0, the mean."""
        standard = (description - self.mean) / self.deviation
        filled: Rows = np.nan_to_num(standard, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32, copy=False)
        return filled


def scaling_of(description: Rows) -> Scaling:
    """The scaling of training rows.

    Args:
        description: (n, f), NaN where a sensor is absent.
    """
    known = np.isfinite(description)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, description, np.float32(0)).astype(np.float64)
    mean = filled.sum(axis=0) / count
    spread = np.sqrt(np.where(known, (filled - mean) ** 2, 0.0).sum(axis=0) / count)
    deviation = np.where(spread > _CONSTANT, spread, 1.0)
    return Scaling(mean.astype(np.float32), deviation.astype(np.float32))


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Solutions of a ridge regression, one for each strength.

    Attributes:
        strengths: of the penalty.
        weights: (strengths, f).
        intercepts: (strengths,).
    """

    strengths: tuple[float, ...]
    weights: Rows
    intercepts: Rows

    def scores(self, standard: Rows) -> Rows:
        """(strengths, n) of standardized rows."""
        found: Rows = self.weights @ standard.T + self.intercepts[:, None]
        return found


def ridge_path(standard: Rows, labels: NDArray[np.int64], *, strengths: Sequence[float] = STRENGTHS) -> RidgePath:
    """Minimize `|y - X w - c|^2 + strength |w|^2` for every strength, with `y` +1 for bona fide and -1 for attacks.

    One eigendecomposition of the smaller of `X X'` and `X' X` serves all strengths.

    Args:
        standard: (n, f) standardized rows.
        labels: (n,) 1 and 0.
        strengths: of the penalty, above 0.

    Raises:
        BadInputError: only one class.

    Source: Hoerl and Kennard, Technometrics 12, 1970.
    """
    if len(set(labels.tolist())) < 2:
        raise BadInputError("a ridge needs bona fide and attack rows", hint="captures with label 1 and with label 0")
    center = standard.mean(axis=0, dtype=np.float64).astype(np.float32)
    x = standard - center
    y = np.where(labels == 1, 1.0, -1.0)
    middle = float(y.mean())
    wide = x.shape[1] > x.shape[0]
    gram = (x @ x.T if wide else x.T @ x).astype(np.float64)
    values, vectors = scipy.linalg.eigh(gram, overwrite_a=True, check_finite=False)
    values = np.maximum(values, 0.0)
    target = vectors.T @ ((y - middle) if wide else x.T.astype(np.float64) @ (y - middle))
    solved = np.stack([vectors @ (target / (values + strength)) for strength in strengths])
    weights = (solved @ x if wide else solved).astype(np.float32)
    return RidgePath(tuple(strengths), weights, (middle - weights @ center).astype(np.float32))
