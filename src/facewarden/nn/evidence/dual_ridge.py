"""Ridge regression solved many times on parts of the same rows: one matrix of products, one small system a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from facewarden.nn.evidence.calibration import balanced_weights

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

FOLDS = 6
"""Parts into which the domains are divided at most; each is held out once."""


def folds_of(domains: Sequence[str]) -> NDArray[np.int64]:
    """Fold of each row: a domain is whole in one, in the order of the domains' names."""
    names = sorted(set(domains))
    place = {name: number % FOLDS for number, name in enumerate(names)}
    return np.array([place[domain] for domain in domains], np.int64)


class DualRidge:
    """A ridge on labels +1 and -1 in which every domain has the same weight in each class.

    Minimizes `sum_i v_i (y_i - x_i w - c)^2 + strength (|w|^2 + c^2)` with `v` of mean 1.

    Args:
        standard: (n, f) standardized rows.
        labels: (n,) 1 and 0.
        domains: (n,).
    """

    def __init__(self, standard: Rows, labels: Labels, domains: Sequence[str]) -> None:
        self.standard, self.labels, self.domains = standard, labels, tuple(domains)
        self.products = (standard @ standard.T).astype(np.float64) + 1.0  # the constant's own column

    def solve(self, rows: NDArray[np.bool_], strength: float) -> Solution:
        """Fit on some rows, which have both classes."""
        place = np.flatnonzero(rows)
        weights = balanced_weights(self.labels[place], [self.domains[i] for i in place.tolist()]) * place.size
        system = self.products[np.ix_(place, place)] + np.diag(strength / weights)
        sign = np.where(self.labels[place] == 1, 1.0, -1.0)
        solved = scipy.linalg.solve(system, sign, assume_a="pos", overwrite_a=True, check_finite=False)
        return Solution(self, place, np.asarray(solved, np.float64))


@dataclass(frozen=True, eq=False)
class Solution:
    """A fit, as multipliers of its rows.

    Attributes:
        ridge: of which it is.
        place: (m,) rows.
        multipliers: (m,).
    """

    ridge: DualRidge
    place: NDArray[np.int64]
    multipliers: Numbers

    def scores(self, rows: NDArray[np.int64]) -> Numbers:
        """Scores of rows by their places."""
        found: Numbers = self.ridge.products[np.ix_(rows, self.place)] @ self.multipliers
        return found

    def line(self) -> tuple[Rows, float]:
        """(f,) direction on standardized numbers, and the constant."""
        direction = self.multipliers @ self.ridge.standard[self.place]
        return direction.astype(np.float32), float(self.multipliers.sum())
