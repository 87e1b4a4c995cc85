"""What bona fide captures let expect: infrared from color, and tokens at each place of the face. No attack is used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden.nn.evidence.terms import Expected, Typical, write

Rows = NDArray[np.float32]

_RIDGE = 10.0
_SHRINKAGE = 0.1


def fit_expected(layer: Expected, source: Rows, target: Rows) -> None:
    """Fit on bona fide rows: a ridge regression, and the covariance of its residuals, shrunk toward its mean variance.

    Args:
        layer: whose buffers are written.
        source, target: (n, p) and (n, q) tokens of two sensors.
    """
    mean, deviation = source.mean(axis=0), np.maximum(source.std(axis=0), 1e-6)
    standard = (source - mean) / deviation
    level = target.mean(axis=0)
    gram = standard.T.astype(np.float64) @ standard + _RIDGE * np.eye(standard.shape[1])
    line = np.linalg.solve(gram, standard.T.astype(np.float64) @ (target - level))
    rest = target - level - standard @ line
    write(layer, mean=mean, deviation=deviation, line=line, level=level, whitening=whitening_of(rest))


def fit_typical(layer: Typical, tokens: Rows) -> None:
    """Fit on bona fide rows: the mean of every place, and one covariance for all, shrunk toward its mean variance.

    Args:
        layer: whose buffers are written.
        tokens: (n, cells * c).
    """
    places = tokens.reshape(tokens.shape[0], layer.places, -1)
    mean = places.mean(axis=0)
    write(layer, mean=mean, whitening=whitening_of((places - mean).reshape(-1, places.shape[2])))


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
