"""Draws each kind of figure; every figure shows its sample counts and its 95 % intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from facewarden.metrics.intervals import wilson
from facewarden.reporting.text import clean, short

INK, MUTED, FAINT, SIMULATED = "#1f2933", "#52606d", "#9aa5b1", "#8a4b08"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333")
"""Okabe and Ito's colors, which stay apart in every common form of color blindness."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)), "-")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_BLUES = LinearSegmentedColormap.from_list("facewarden", ["#f7fafc", "#9cc4e4", "#0072b2", "#083a5e"])


def height(kind: str, data: Mapping[str, Any]) -> float:
    """Height of a figure in inches, by how many rows it has."""
    if kind in ("bars", "interval_dots"):
        lines = _row_lines(data["rows"])
        return 0.95 + 0.2 * sum(lines.values())
    if kind == "heatmap":
        return 0.95 + 0.42 * len(data["rows"])
    return 2.9


def histogram(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001 - called by a table
    """Shares of each series by bin, as filled steps with a Wilson interval at each bin."""
    axes = canvas.add_subplot()
    edges = np.asarray(data["edges"], dtype=float)
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    series = data["series"]
    for index, one in enumerate(series):
        counts = np.asarray(one["counts"], dtype=float)
        total = int(counts.sum())
        bounds = [wilson(count, max(total, 1)) for count in counts]
        share = counts / max(total, 1)
        color = PALETTE[index % len(PALETTE)]
        axes.stairs(share, edges, fill=True, color=color, alpha=0.25, linewidth=0)
        axes.stairs(share, edges, color=color, linewidth=1.4, linestyle=DASHES[index % 4], label=_named(one, total))
        shift = width * 0.12 * (index - (len(series) - 1) / 2)
        seen = counts > 0
        low, high = np.array([b.low for b in bounds]), np.array([b.high for b in bounds])
        axes.vlines((middle + shift)[seen], low[seen], high[seen], color=color, linewidth=0.9, alpha=0.8)
    if data.get("threshold") is not None:
        axes.axvline(data["threshold"], color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
        words = clean(data.get("threshold_label", "threshold"))
        axes.annotate(
            words, (data["threshold"], 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
            textcoords="offset points", va="top", fontsize=7.5,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_percent())
    axes.grid(visible=False, axis="x")
    _labels(axes, data, ylabel="share of its class")
    legend(canvas, axes, columns=1 if narrow else 3)
    return "Upright lines: 95 % interval of each share (samples taken as independent)."


def curves(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001
    """Lines with their interval as a band and marks at the measured places."""
    axes = canvas.add_subplot()
    banded = False
    for index, one in enumerate(data["series"]):
        color = PALETTE[index % len(PALETTE)]
        few = len(one["x"]) <= 25
        axes.plot(
            one["x"], one["y"], color=color, linewidth=1.5, linestyle=DASHES[index % len(DASHES)],
            marker=MARKERS[index % len(MARKERS)] if few else "", markersize=4, label=_named(one, one["n"]),
        )  # fmt: skip
        if one.get("low") is not None and one.get("high") is not None:
            banded = True
            axes.fill_between(one["x"], one["low"], one["high"], color=color, alpha=0.15, linewidth=0)
            if few:
                axes.vlines(one["x"], one["low"], one["high"], color=color, linewidth=0.9)
    if data.get("xlog"):
        axes.set_xscale("log")
    if data.get("xticks"):
        axes.set_xticks([tick[0] for tick in data["xticks"]], [clean(tick[1]) for tick in data["xticks"]])
        axes.minorticks_off()
    if data.get("percent"):
        axes.yaxis.set_major_formatter(_percent())
    if data.get("fit"):
        axes.set_ylim(bottom=min(0.0, *(min(one.get("low") or one["y"]) for one in data["series"])))
    elif data.get("percent"):
        axes.set_ylim(-0.02, 1.02)
    if data.get("xpercent"):
        axes.xaxis.set_major_formatter(_percent())
    if data.get("limit"):
        axes.axhline(data["limit"]["value"], color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
        axes.annotate(
            clean(data["limit"]["label"]), (1, data["limit"]["value"]), xycoords=("axes fraction", "data"),
            xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=7.5,
        )  # fmt: skip
    _labels(axes, data)
    legend(canvas, axes, columns=1 if narrow else 3)
    if data.get("foot") and not banded:
        return clean(data["foot"])
    return "Bands and upright lines: 95 % interval." if banded else "No interval was measured for these curves."


def bars(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001
    """Horizontal bars from zero, one a row and series, with whiskers."""
    return _rows(canvas, data, narrow=narrow, filled=True)


def interval_dots(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001
    """Points with whiskers, one a row and series."""
    return _rows(canvas, data, narrow=narrow, filled=False)


def heatmap(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001
    """A colored table with the number, and below it the interval and count, in every cell."""
    axes = canvas.add_subplot()
    rows, columns = data["rows"], data["columns"]
    values = np.array([[np.nan if cell is None else cell for cell in row] for row in data["values"]], dtype=float)
    values = values.reshape(len(rows), len(columns))
    top = 1.0 if data.get("percent") else float(np.nanmax(values, initial=1e-9))
    axes.pcolormesh(
        np.arange(len(columns) + 1), np.arange(len(rows) + 1), values, cmap=_BLUES, vmin=0, vmax=top,
        edgecolors="white", linewidth=1.5,
    )  # fmt: skip
    counts, scale = data["n"], 100.0 if data.get("percent") else 1.0
    same = not isinstance(counts, list)
    for i, j in np.ndindex(values.shape):
        if np.isnan(values[i, j]):
            axes.text(j + 0.5, i + 0.5, "–", ha="center", va="center", color=MUTED)
            continue
        color = "white" if values[i, j] > 0.45 * top else INK
        lines = [f"{values[i, j] * scale:.{0 if scale > 1 else 2}f}"]
        if data.get("low") and data["low"][i][j] is not None:
            lines.append("–".join(f"{data[end][i][j] * scale:.{0 if scale > 1 else 2}f}" for end in ("low", "high")))
        if not same:
            lines.append(f"n={counts[i][j]}")
        axes.text(j + 0.5, i + 0.5, lines[0], ha="center", va="bottom", color=color, fontsize=8.5)
        axes.text(j + 0.5, i + 0.53, " · ".join(lines[1:]) if not narrow else lines[1] if len(lines) > 1 else "",
                  ha="center", va="top", color=color, fontsize=6.5)  # fmt: skip
    width = max(9, 44 // max(1, len(columns))) if narrow else max(16, 100 // max(1, len(columns)))
    axes.set_xticks(np.arange(len(columns)) + 0.5, [heading(clean(column), width) for column in columns])
    axes.set_yticks(np.arange(len(rows)) + 0.5, [short(clean(row), length=16 if narrow else 28) for row in rows])
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _labels(axes, data)
    unit = "Percent" if scale > 1 else "Value"
    samples = f"n = {counts} in each cell" if same else _range(counts)
    return f"{unit}; below it the 95 % interval. {samples}."


def heading(text: str, width: int) -> str:
    """A column's name on one or two lines, broken between words or behind an underscore."""
    lines = textwrap.wrap(text.replace("_", "_ "), width)
    return "\n".join(line.replace("_ ", "_") for line in lines[:2])


def fold(text: str, narrow: bool) -> str:  # noqa: FBT001
    """Break a line to the width of the figure."""
    return textwrap.fill(clean(text), 58 if narrow else 120)


def _rows(canvas: Canvas, data: Mapping[str, Any], *, narrow: bool, filled: bool) -> str:
    axes = canvas.add_subplot()
    rows: Sequence[Mapping[str, Any]] = data["rows"]
    names = list(_row_lines(rows))
    series = list(dict.fromkeys(row.get("series", "") for row in rows))
    slot = 0.8 / max(len(series), 1)
    counts: dict[str, list[int]] = {}
    for index, kind in enumerate(series):
        color, chosen = PALETTE[index % len(PALETTE)], [row for row in rows if row.get("series", "") == kind]
        places = np.array([names.index(row["name"]) for row in chosen]) + (index - (len(series) - 1) / 2) * slot
        values = np.array([row["value"] for row in chosen], dtype=float)
        if filled:
            axes.barh(places, values, height=slot * 0.82, color=color, alpha=0.75, label=clean(kind), linewidth=0)
        marker = MARKERS[index % len(MARKERS)]
        axes.plot(
            values, places, linestyle="", marker=marker, markersize=0 if filled else 5, color=color,
            label="_" if filled else clean(kind),
        )  # fmt: skip
        for row, place in zip(chosen, places, strict=True):
            counts.setdefault(row["name"], []).append(int(row["n"]))
            if row["low"] is not None and row["high"] is not None:
                dark = INK if filled else color
                axes.hlines(place, row["low"], row["high"], color=dark, linewidth=1.3)
                axes.vlines(
                    [row["low"], row["high"]], place - slot * 0.16, place + slot * 0.16, color=dark, linewidth=1
                )
    length = 17 if narrow else 34
    texts = [f"{short(clean(name), length=length)}\nn = {_span(counts[name])}" for name in names]
    axes.set_yticks(range(len(names)), texts, fontsize=7.5, linespacing=1.25)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.grid(visible=False, axis="y")
    if data.get("percent"):
        ends = [end for row in rows for end in (row["value"], row["low"], row["high"]) if end is not None]
        left, right = _round_end(-min(ends, default=0.0)), _round_end(max(ends, default=1.0))
        margin = 0.0 if filled else 0.015 * (left + right)
        axes.set_xlim(-left - margin, right + margin)
        if left:
            axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.xaxis.set_major_formatter(_percent())
    if data.get("limit"):
        axes.axvline(data["limit"]["value"], color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
        axes.annotate(
            clean(data["limit"]["label"]), (data["limit"]["value"], 1), xycoords=("data", "axes fraction"),
            xytext=(3, 2), textcoords="offset points", fontsize=7.5,
        )  # fmt: skip
    axes.set_xlabel(clean(data.get("xlabel", "")))
    if any(series):
        legend(canvas, axes, columns=2 if narrow else 4)
    return "Whiskers: 95 % interval."


def _round_end(most: float) -> float:
    """Where an axis of rates ends that must hold this share; zero where nothing lies on that side."""
    return 0.0 if most <= 0 else next((limit for limit in (0.1, 0.25, 0.5) if most <= limit), 1.0)


def _row_lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Row name -> how many bars stand in it, which is how high it must be."""
    lines: dict[str, float] = {}
    for row in rows:
        lines[row["name"]] = lines.get(row["name"], 0.0) + 1.0
    return {name: max(1.6, count) for name, count in lines.items()}


def _labels(axes: Axes, data: Mapping[str, Any], *, ylabel: str = "") -> None:
    axes.set_xlabel(clean(data.get("xlabel", "")))
    words = clean(data.get("ylabel", ylabel))
    if words:  # above the axis and level, where it is read without turning the head
        axes.set_title(words, loc="left")


def legend(canvas: Canvas, axes: Axes, *, columns: int) -> None:
    """Put the names of the series above the axes."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        canvas.legend(handles, names, loc="outside upper left", ncols=min(columns, len(handles)), borderaxespad=0.2)


def _named(series: Mapping[str, Any], n: int) -> str:
    return f"{short(clean(series['name']), length=38)} (n = {n})"


def _percent() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value * 100:.3g} %")


def _span(counts: Sequence[int]) -> str:
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"


def _range(counts: Sequence[Sequence[int | None]]) -> str:
    known = [count for row in counts for count in row if count is not None]
    return f"n = {_span(known)} a cell" if known else "No samples"
