"""Figures as inline SVG: real text, a color-blind safe palette, the same bits every time.

`Figure.data` by kind; `percent: true` says that values are fractions; a series is told apart by color and by shape.

- histogram: `edges` (k + 1), `series` [{`name`, `counts` (k)}], optional `xlabel`, `threshold`, `threshold_label`.
  Bars are shares of their series, whiskers Wilson intervals of each share.
- curves: `series` [{`name`, `x`, `y`, `n`, optional `low`, `high`}], optional `xlabel`, `ylabel`, `percent`,
  `xpercent`, `xlog`, `limit` {`value`, `label`}, `xticks` [[position, text], ...], `foot` (what stands below where
  there is no interval), `fit` (the axis ends at the highest value instead of at 100 %).
- bars and interval_dots: `rows` [{`name`, `value`, `low`, `high`, `n`, optional `series`}], optional `xlabel`,
  `percent`, `limit`. Rows of one name with several `series` stand together. `low` and `high` may be null.
- det: `series` [{`name`, `x` (APCER), `y` (BPCER), `n`}], `marks` [{`name`, `x`, `y`, `xlow`, `xhigh`, `ylow`,
  `yhigh`}], on normal deviate axes.
- ridges: `edges` (k + 1), `rows` [{`name`, `counts` (k)}], optional `xlabel`, `threshold`, `threshold_label`: a
  histogram a row, each scaled by its own highest bin.
- faces: `columns` (names), `rows` [{`name`, `images` (PNG in base64, as many as columns)}], `foot`: pictures side by
  side, such as before and after a purifier.
- heatmap: `rows`, `columns` (names), `values` (rows x columns, null for empty), `n` (the same, or one number),
  optional `low`, `high` (the same), `percent`, `xlabel`, `ylabel`.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from facewarden.core.errors import ContractError
from facewarden.reporting import plots, plots_faces, plots_scores
from facewarden.reporting.document import Figure, FigureKind
from facewarden.reporting.text import clean

Width = Literal["wide", "narrow"]
INCHES: Mapping[Width, float] = {"wide": 7.2, "narrow": 3.6}
"""Drawn widths; the page shows the narrow one on phones, where a shrunken wide one could not be read."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "facewarden",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: text is measured alike on every machine
    "font.size": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": plots.FAINT,
    "axes.labelcolor": plots.INK,
    "axes.titlesize": 8.0,
    "axes.titlecolor": plots.INK,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.6,
    "text.color": plots.INK,
    "xtick.color": plots.INK,
    "ytick.color": plots.INK,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "legend.handlelength": 1.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.03,
}
_DRAW: dict[FigureKind, Callable[[Canvas, Mapping[str, Any], bool], str]] = {
    "histogram": plots.histogram,
    "curves": plots.curves,
    "bars": plots.bars,
    "interval_dots": plots.interval_dots,
    "heatmap": plots.heatmap,
    "det": plots_scores.det,
    "ridges": plots_scores.ridges,
    "faces": plots_faces.faces,
}


def draw_svg(
    figure: Figure,
    *,
    width: Width = "wide",
    simulated: bool = False,
    prefix: str = "f",
    text: Literal["text", "paths"] = "text",
) -> str:
    """Draw a figure as one `<svg>` element that stands inside an HTML page.

    Args:
        figure: what to draw.
        width: for a desktop or paper, or for a phone.
        simulated: mark it as simulated even where the figure itself does not say so.
        prefix: put before every id inside, so that several figures fit on one page.
        text: letters as text, or as paths for a program that has no fonts.

    Returns:
        The element, with the alt text as its accessible name; no link to anything outside.

    Raises:
        ContractError: the data lack something that the kind needs.
    """
    narrow = width == "narrow"
    buffer = io.StringIO()
    style = _STYLE | ({"svg.fonttype": "path"} if text == "paths" else {})
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")  # measured without the glyph, drawn by the browser
        try:
            canvas = Canvas(figsize=(INCHES[width], _height(figure, narrow=narrow)), layout="constrained")
            foot = _DRAW[figure.kind](canvas, figure.data, narrow)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ContractError(
                f"figure {figure.title!r} cannot be drawn: {type(error).__name__}: {error}",
                hint="facewarden.reporting.figures documents the data of each kind",
            ) from error
        if simulated or figure.simulated:
            canvas.axes[0].set_title("simulated", loc="right", color=plots.SIMULATED, style="italic", weight="bold")
        canvas.supxlabel(plots.fold(foot, narrow), x=0.01, ha="left", fontsize=7, color=plots.MUTED)
        canvas.savefig(buffer, format="svg", metadata={"Creator": None, "Date": None, "Format": None, "Type": None})
    return _inline(buffer.getvalue(), alt=figure.alt, prefix=prefix)


def _height(figure: Figure, *, narrow: bool) -> float:
    if figure.kind == "faces":
        return plots_faces.height(figure.data, narrow=narrow)
    scores = plots_scores.height(figure.kind, figure.data)
    return plots.height(figure.kind, figure.data) if scores is None else scores


def standalone(svg: str) -> str:
    """Return an SVG of `draw_svg` as a separate file, with the namespaces and the font of a page."""
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return svg.replace("<svg ", f'<svg {spaces} font-family="sans-serif" ', 1)


def _inline(svg: str, *, alt: str, prefix: str) -> str:
    svg = svg[svg.index("<svg") :].strip()
    view = re.search(r'viewBox="([^"]+)"', svg)
    assert view is not None  # matplotlib always writes one
    body = svg[svg.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style type=\"text/css\">.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"(<[^>]* id=\")", rf"\1{prefix}-", body)
    body = re.sub(r"(xlink:href=\"#|url\(#)", rf"\1{prefix}-", body)
    # the font is the page's; only size, weight and slant stay in the element
    body = re.sub(r"; font-family: [^;\"]*", "", body)
    body = re.sub(r"font: ([^;\"]*?px) [^;\"]*", lambda match: _font(match.group(1)), body)
    name = escape(clean(alt), quote=True)
    return f'<svg viewBox="{view.group(1)}" role="img" aria-label="{name}">{body}'


def _font(shorthand: str) -> str:
    words = shorthand.split()
    style = "; font-style: italic" if "italic" in words else ""
    weight = "; font-weight: 700" if {"bold", "700"} & set(words) else ""
    return f"font-size: {words[-1]}{style}{weight}"
