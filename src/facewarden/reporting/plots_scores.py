"""Draws what belongs to scores: DET curves on normal deviate axes, and a histogram for each PAI species."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from facewarden.reporting.plots import DASHES, INK, MARKERS, MUTED, PALETTE, legend
from facewarden.reporting.text import clean, short

_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
_ENDS = (5e-4, 0.98)


def height(kind: str, data: Mapping[str, Any]) -> float | None:
    """Height of a figure in inches; None for a kind of another file."""
    if kind == "det":
        return 4.0 + 0.1 * len(data["series"])
    return 0.9 + 0.34 * len(data["rows"]) if kind == "ridges" else None


def det(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001 - called by a table
    """BPCER against APCER, a line each; marks with whiskers are the thresholds that were set elsewhere."""
    axes = canvas.add_subplot()
    for index, one in enumerate(data["series"]):
        at = index % len(PALETTE)
        name = f"{clean(one['name'])} (n={one['n']})"
        axes.plot(
            _deviate(one["x"]), _deviate(one["y"]), color=PALETTE[at], linewidth=1.3,
            linestyle=DASHES[index % len(DASHES)], label=name,
        )  # fmt: skip
    for index, mark in enumerate(data.get("marks", ())):
        x, y = float(_deviate([mark["x"]])[0]), float(_deviate([mark["y"]])[0])
        ends = _deviate([mark["xlow"], mark["xhigh"], mark["ylow"], mark["yhigh"]])
        axes.hlines(y, ends[0], ends[1], color=INK, linewidth=0.8)
        axes.vlines(x, ends[2], ends[3], color=INK, linewidth=0.8)
        axes.plot(
            [x], [y], color=INK, marker=MARKERS[index % len(MARKERS)], markersize=5, linestyle="",
            markerfacecolor="white", label=clean(mark["name"]),
        )  # fmt: skip
    places, words = ndtri(_TICKS), [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in _TICKS]
    axes.set_xticks(places, words)
    axes.set_yticks(places, words)
    low, high = ndtri(_ENDS)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    _labels(axes, "APCER", "BPCER")
    legend(canvas, axes, columns=1 if narrow else 2)
    return "Marks: thresholds set elsewhere, with 95 % intervals. Intervals of the ranking are in the tables."


def ridges(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001
    """A histogram a row, each scaled by its own highest bin, the threshold through all of them."""
    axes = canvas.add_subplot()
    edges = np.asarray(data["edges"], dtype=float)
    rows = data["rows"]
    for index, row in enumerate(rows):
        counts = np.asarray(row["counts"], dtype=float)
        base = len(rows) - 1 - index
        top = base + 0.86 * counts / max(counts.max(initial=0.0), 1.0)
        color = PALETTE[2] if row.get("bona_fide") else PALETTE[index % 2]
        axes.stairs(top, edges, baseline=base, fill=True, color=color, alpha=0.55, linewidth=0)
        axes.hlines(base, edges[0], edges[-1], color=MUTED, linewidth=0.5)
    names = [f"{short(clean(row['name']), length=15 if narrow else 26)}\nn={int(sum(row['counts']))}" for row in rows]
    axes.set_yticks([len(rows) - 1 - index + 0.35 for index in range(len(rows))], names, fontsize=7)
    axes.set_ylim(-0.05, len(rows) + 0.05)
    axes.grid(visible=False, axis="y")
    if data.get("threshold") is not None:
        axes.axvline(data["threshold"], color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
        axes.annotate(
            clean(data.get("threshold_label", "threshold")), (data["threshold"], 1),
            xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points", va="top", fontsize=7.5,
        )  # fmt: skip
    _labels(axes, data.get("xlabel", "score"), "")
    return "Each row is scaled by its own highest bin; n is its number of presentations."


def _deviate(rates: ArrayLike) -> NDArray[np.float64]:
    """Normal deviates of rates; what lies beyond the axes is drawn at their ends."""
    found: NDArray[np.float64] = ndtri(np.clip(np.asarray(rates, dtype=float), *_ENDS))
    return found


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(clean(x))
    axes.set_ylabel(clean(y))
