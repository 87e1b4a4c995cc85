"""By how much one arm raises success over another, over cells chosen on other people, with its ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.evaluation.sampling import halves
from facewarden.experiments.sfa_senses.settings import Direction, Unit
from facewarden.metrics.intervals import Interval, bootstrap_by_subject

LABELS: Mapping[Direction, int | None] = {"attack_as_bona_fide": 0, "bona_fide_as_attack": 1, "pooled": None}
"""Direction -> the label of the samples that can flip that way."""

BOTH: tuple[Direction, ...] = ("attack_as_bona_fide", "bona_fide_as_attack")
"""The directions that are not pooled."""

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArmPair:
    """Success of two arms on one model through one head at one budget.

    Attributes:
        place: model, head and budget, as text.
        valid: `(n,)` bool, samples of the plan that both arms attacked and the model decides correctly when clean.
        before, after: `(n,)` bool, success of the arm compared with, and of the arm; read only where valid.
        asked, rate: `(n,)` bool, samples by which the cell is chosen, and success on them; those of `before` where left
            out. So arms that are compared with different ones count over the same cells.
    """

    place: str
    valid: Mask
    before: Mask
    after: Mask
    asked: Mask | None = None
    rate: Mask | None = None


@dataclass(frozen=True)
class Gain:
    """What an arm gains over another in one sense.

    Attributes:
        before, after: mean success over the cells.
        gain: of the unit asked for, paired.
        ceiling: the gain if every attack succeeded.
        closed: gain in points as a share of the points that are there to gain.
        cells: how many halves of cells count.
        samples: attacked samples in them, each cell's counted by itself.
    """

    before: Interval
    after: Interval
    gain: Interval
    ceiling: float
    closed: Interval
    cells: int
    samples: int


def chosen(
    pairs: Sequence[ArmPair], *, rows: Mask, half: NDArray[np.int64], band: tuple[float, float] | None
) -> list[tuple[ArmPair, Mask]]:
    """The cells that count, each with the samples that count in it.

    Without a band a cell counts with all its samples. With one, each half of the people chooses for the other: a cell
    counts with one half where the success that chooses lies in the band on the other half.

    Args:
        pairs: the cells.
        rows: `(n,)` bool, samples of the direction.
        half: `(n,)` of `halves`.
        band: lowest and highest success in percent, both included.
    """
    kept: list[tuple[ArmPair, Mask]] = []
    for pair in pairs:
        here = pair.valid & rows
        if band is None:
            kept += [(pair, here)] if here.any() else []
            continue
        asked = rows & (pair.valid if pair.asked is None else pair.asked)
        rate = pair.before if pair.rate is None else pair.rate
        for side in (0, 1):
            choosing, counting = asked & (half == side), here & (half != side)
            if not choosing.any() or not counting.any():
                continue
            if band[0] <= 100.0 * float(rate[choosing].mean()) <= band[1]:
                kept.append((pair, counting))
    return kept


def gain_of(
    pairs: Sequence[ArmPair],
    *,
    unit: Unit,
    direction: Direction,
    band: tuple[float, float] | None,
    label: NDArray[np.int64],
    subject: NDArray[Any],
    seed: int,
) -> Gain | None:
    """What an arm gains, every cell weighing the same; None where no cell counts, or percent of nothing are asked for.

    Args:
        pairs: cells of the sense.
        unit, direction, band: of the sense.
        label, subject: `(n,)` of the plan's samples, 1 = bona fide.
        seed: of the halves and the bootstrap, which draws whole subjects and keeps the choice of cells.
    """
    wanted = LABELS[direction]
    rows = np.ones(len(label), bool) if wanted is None else label == wanted
    half = halves(subject.tolist(), seed=seed)
    cells = chosen(pairs, rows=rows, half=half, band=band)
    if not cells:
        return None
    valid = np.array([mask for _, mask in cells], float)
    used = valid.any(axis=0)
    valid = valid[:, used]
    first = np.array([pair.before for pair, _ in cells], float)[:, used] * valid
    second = np.array([pair.after for pair, _ in cells], float)[:, used] * valid

    def means(weights: Floats) -> tuple[float, float]:
        counts = valid @ weights
        full = counts > 0
        if not full.any():
            return float("nan"), float("nan")
        return tuple(float(((part @ weights)[full] / counts[full]).mean()) for part in (first, second))  # type: ignore[return-value]

    def gained(weights: Floats) -> float:
        before, after = means(weights)
        return raised(before, after, unit=unit)

    def closed(weights: Floats) -> float:
        before, after = means(weights)
        return 100.0 * (after - before) / (1.0 - before) if before < 1.0 else float("nan")

    here = np.ones(int(used.sum()))
    before, _ = means(here)
    if not np.isfinite(gained(here)) or not np.isfinite(closed(here)):
        return None

    def interval(statistic: Any, *, proportion: bool) -> Interval:
        return bootstrap_by_subject(statistic, subject[used], seed=seed, proportion=proportion)

    return Gain(
        before=interval(lambda w: means(w)[0], proportion=True),
        after=interval(lambda w: means(w)[1], proportion=True),
        gain=interval(gained, proportion=False),
        ceiling=raised(before, 1.0, unit=unit),
        closed=interval(closed, proportion=False),
        cells=len(cells),
        samples=int(valid.sum()),
    )


def raised(before: float, after: float, *, unit: Unit) -> float:
    """By how much success rises, in percent of what it was or in points; NaN in percent of nothing.

    >>> round(raised(0.2, 0.3, unit="percent"), 6), round(raised(0.2, 0.3, unit="points"), 6)
    (50.0, 10.0)
    """
    if unit == "points":
        return 100.0 * (after - before)
    return 100.0 * (after / before - 1.0) if before > 0 else float("nan")
