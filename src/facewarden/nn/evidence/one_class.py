"""What bona fide captures let expect: infrared from color, and tokens at each place of the face. No attack is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]

_RIDGE = 10.0
_SHRINKAGE = 0.1
WORST = 0.05
"""Share of the places of a face whose distance counts: a partial attack covers few of them."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """A line from one sensor's tokens to another's, and how far bona fide captures lie from it.

    Attributes:
        source_mean, source_deviation: (p,) of the tokens that are read.
        line: (p, q); `target_mean` (q,) is the value at the mean.
        target_mean: (q,).
        whitening: (q, q) of the residuals.
    """

    source_mean: Rows
    source_deviation: Rows
    line: Rows
    target_mean: Rows
    whitening: Rows

    def score(self, source: Rows, target: Rows) -> Numbers:
        """Minus the logarithm of the mean square of the whitened residuals; higher is more as expected."""
        standard = (source - self.source_mean) / self.source_deviation
        rest = (target - self.target_mean - standard @ self.line) @ self.whitening
        found: Numbers = -np.log(np.mean(rest.astype(np.float64) ** 2, axis=1) + 1e-9)
        return found


def expectation_of(source: Rows, target: Rows) -> Expectation:
    """Fit on bona fide rows: a ridge regression, and the covariance of its residuals, shrunk toward its diagonal.

    Args:
        source, target: (n, p) and (n, q) tokens of two sensors.
    """
    mean, deviation = source.mean(axis=0), np.maximum(source.std(axis=0), 1e-6)
    standard = (source - mean) / deviation
    target_mean = target.mean(axis=0)
    gram = standard.T.astype(np.float64) @ standard + _RIDGE * np.eye(standard.shape[1])
    line = np.linalg.solve(gram, standard.T.astype(np.float64) @ (target - target_mean))
    rest = target - target_mean - standard @ line
    return Expectation(
        mean.astype(np.float32), deviation.astype(np.float32), line.astype(np.float32),
        target_mean.astype(np.float32), whitening_of(rest),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class TypicalPlaces:
    """Mean and whitening of the tokens at every place of a face.

    Attributes:
        mean: (cells, c).
        whitening: (c, c), one for all places.
    """

    mean: Rows
    whitening: Rows

    def score(self, tokens: Rows) -> Numbers:
        """Minus the logarithm of the mean distance of the worst twentieth of the places; higher is more typical.

        Args:
            tokens: (n, cells, c).
        """
        apart = np.mean(((tokens - self.mean) @ self.whitening).astype(np.float64) ** 2, axis=2)
        count = max(1, round(WORST * apart.shape[1]))
        worst = np.sort(apart, axis=1)[:, -count:].mean(axis=1)
        found: Numbers = -np.log(worst + 1e-9)
        return found


def typical_places(tokens: Rows) -> TypicalPlaces:
    """Fit on bona fide rows.

    Args:
        tokens: (n, cells, c).
    """
    mean = tokens.mean(axis=0)
    return TypicalPlaces(mean.astype(np.float32), whitening_of((tokens - mean).reshape(-1, tokens.shape[2])))


def whitening_of(rows: NDArray[np.floating]) -> Rows:
    """The symmetric inverse root of the covariance of centered rows, shrunk toward its mean variance.

    Source: Ledoit and Wolf, J. Multivariate Analysis 88, 2004, with a fixed share.
    """
    values = np.asarray(rows, np.float64)
    covariance = values.T @ values / max(1, len(values) - 1)
    size = covariance.shape[0]
    level = float(np.trace(covariance)) / size or 1.0
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * level * np.eye(size)
    scales, vectors = np.linalg.eigh(covariance)
    found: Rows = ((vectors / np.sqrt(np.maximum(scales, 1e-12 * level))) @ vectors.T).astype(np.float32)
    return found
