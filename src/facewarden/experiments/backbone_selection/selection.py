"""The choice of a backbone and what it costs: rank correlation with unseen robustness, and regret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from facewarden.evaluation.sampling import halves
from facewarden.experiments.backbone_selection.settings import SelectionPlan, member
from facewarden.experiments.vulnerability.results_grid import VulnerabilityGrid
from facewarden.experiments.vulnerability.settings import NOISE
from facewarden.metrics.intervals import Interval, bootstrap_by_subject

Floats = NDArray[np.float64]
FEWEST = 3
"""Backbones below which no correlation of ranks is given."""


@dataclass(frozen=True)
class Selection:
    """What came out.

    Attributes:
        backbones: names.
        seen: mean success of the attacks that the selector sees, by backbone; low is robust.
        unseen: of the others, on other seeds and other people.
        accuracy: clean, on the people that the selector sees.
        correlation: Spearman's, of seen and unseen success; None with fewer than three backbones.
        clean_correlation: of clean errors and unseen success.
        regret: unseen success of the chosen backbone above that of the best one, in points.
        clean_regret: the same of the most accurate one.
        random_regret: the same of a random one, on average.
    """

    backbones: tuple[str, ...]
    seen: dict[str, Interval]
    unseen: dict[str, Interval]
    accuracy: dict[str, Interval]
    correlation: Interval | None
    clean_correlation: Interval | None
    regret: Interval
    clean_regret: Interval
    random_regret: Interval

    @property
    def chosen(self) -> str:
        """The backbone with the least success of the attacks that were seen."""
        return min(self.backbones, key=lambda name: self.seen[name].value)

    @property
    def most_accurate(self) -> str:
        """What a choice by clean accuracy takes."""
        return max(self.backbones, key=lambda name: self.accuracy[name].value)


def select(plan: SelectionPlan, grid: VulnerabilityGrid) -> Selection | None:
    """Choose by one half of the people and judge by the other; None where a backbone has no row to choose or judge by.

    Args:
        plan: says what the selector sees.
        grid: what was measured of all detectors.
    """
    half = halves(grid.subject.tolist(), seed=plan.seed)
    figures: dict[str, _Figures] = {}
    for name, detectors in plan.backbones.items():
        first = {member(name, number) for number in range(plan.choose.seeds)}
        rest = {member(name, number) for number in range(plan.choose.seeds, len(detectors))}
        attacks = [row for row in grid.rows if row.attack != NOISE]
        seen = [row for row in attacks if row.model in first and row.attack in plan.choose.attacks
                and row.reading == plan.choose.reading]  # fmt: skip
        unseen = [row for row in attacks if row.model in rest and row.attack not in plan.choose.attacks
                  and row.reading == "none"]  # fmt: skip
        clean = {row.model: row for row in seen}
        figures[name] = _Figures(
            _rates([(row.success, row.valid) for row in seen], half == 0),
            _rates([(row.success, row.valid) for row in unseen], half == 1),
            _rates([(row.valid, row.asked) for row in clean.values()], half == 0),
        )
    if any(part is None for one in figures.values() for part in (one.seen, one.unseen, one.accuracy)):
        return None
    return _selection(tuple(figures), figures, grid, seed=plan.seed)


@dataclass(frozen=True, eq=False)
class _Figures:
    """Functions of row weights that give a mean; None without rows."""

    seen: Callable[[Floats], float] | None
    unseen: Callable[[Floats], float] | None
    accuracy: Callable[[Floats], float] | None


def _rates(cells: Sequence[tuple[NDArray[Any], NDArray[Any]]], people: NDArray[np.bool_]) -> Any:
    """The mean over cells of hits among valid samples of some people, as a function of sample weights."""
    valid = np.array([mask & people for _, mask in cells], float)
    if not cells or not valid.any(axis=1).all():
        return None
    hits = np.array([hit for hit, _ in cells], float) * valid

    def mean(weights: Floats) -> float:
        counts = valid @ weights
        full = counts > 0
        return float(((hits @ weights)[full] / counts[full]).mean()) if full.any() else float("nan")

    return mean


def _selection(
    names: tuple[str, ...], figures: Mapping[str, _Figures], grid: VulnerabilityGrid, *, seed: int
) -> Selection:
    def column(which: str, weights: Floats) -> Floats:
        return np.array([getattr(figures[name], which)(weights) for name in names])

    def interval(statistic: Callable[[Floats], float], *, proportion: bool = False) -> Interval:
        return bootstrap_by_subject(statistic, grid.subject, seed=seed, proportion=proportion)

    def each(which: str) -> dict[str, Interval]:
        return {name: interval(getattr(figures[name], which), proportion=True) for name in names}

    def regret(pick: Callable[[Floats], int | None]) -> Interval:
        def above(weights: Floats) -> float:
            truth, taken = column("unseen", weights), pick(weights)
            return 100.0 * float((truth.mean() if taken is None else truth[taken]) - truth.min())

        return interval(above)

    def rank(which: str, sign: float) -> Interval | None:
        if len(names) < FEWEST:
            return None
        return interval(lambda w: spearman(sign * column(which, w), column("unseen", w)))

    return Selection(
        names, each("seen"), each("unseen"), each("accuracy"), rank("seen", 1.0), rank("accuracy", -1.0),
        regret(lambda w: int(np.argmin(column("seen", w)))),
        regret(lambda w: int(np.argmax(column("accuracy", w)))),
        regret(lambda _: None),
    )  # fmt: skip


def spearman(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation; NaN where one side does not differ.

    >>> spearman(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.5, 0.4]))
    0.5
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return round(float(spearmanr(one, other).statistic), 12)
