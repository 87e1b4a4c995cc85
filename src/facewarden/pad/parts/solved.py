"""A ridge on a description whose strength and threshold other rows choose: what every linear floor is fitted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.metrics.pad import auc, eer, eer_threshold
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.floors.ridge import STRENGTHS, Rows, Scaling, ridge_path, scaling_of


@dataclass(frozen=True, eq=False)
class SolvedRidge:
    """A fitted line.

    Attributes:
        scaling: of the numbers.
        weights: (f,) on standardized numbers.
        intercept: so that 0 is the threshold of the equal error rate on dev.
        chosen: strength, and AUC and EER on dev.
    """

    scaling: Scaling
    weights: Rows
    intercept: float
    chosen: dict[str, float]

    def scores(self, description: Rows) -> NDArray[np.float64]:
        """Scores of descriptions."""
        found: NDArray[np.float64] = (self.scaling.of(description) @ self.weights).astype(np.float64) + self.intercept
        return found


def solve_ridge(train: DescribedRows, *, dev: DescribedRows, strengths: Sequence[float] = STRENGTHS) -> SolvedRidge:
    """Fit a ridge for every strength, keep the one with the highest AUC on dev, the stronger of equal ones.

    Args:
        train: rows to fit.
        dev: rows of other people.
        strengths: that are tried.

    Raises:
        BadInputError: a class without rows.
    """
    scaling = scaling_of(train.description)
    path = ridge_path(scaling.of(train.description), train.labels, strengths=strengths)
    candidates = path.scores(scaling.of(dev.description)).astype(np.float64)
    areas = [auc(scores, dev.labels) for scores in candidates]
    best = max(range(len(areas)), key=lambda place: (areas[place], path.strengths[place]))
    threshold = eer_threshold(candidates[best], dev.labels)
    chosen = {"strength": path.strengths[best], "dev_auc": areas[best], "dev_eer": eer(candidates[best], dev.labels)}
    return SolvedRidge(scaling, path.weights[best], float(path.intercepts[best]) - threshold, chosen)
