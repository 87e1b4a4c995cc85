from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from facewarden.core.errors import ContractError
from facewarden.reporting import plots
from facewarden.reporting.document import Figure, Report
from facewarden.reporting.figures import Width, draw_svg
from facewarden.reporting.plots import heading

HOSTILE = "<script>$x^{$ &amp; \"'\x00\u202e 顔"


def texts(svg: str) -> str:
    """All text inside, which also shows that the element is well-formed."""
    svg = re.sub("^<svg ", '<svg xmlns:xlink="x" ', svg)
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter("text"))


def drawn(figure: Figure, **options: Any) -> str:
    return texts(draw_svg(figure, **options))


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_every_kind_shows_samples_interval_and_simulated_as_text(report: Report, width: Width) -> None:
    for section in report.sections:
        for figure in section.figures:
            inside = drawn(figure, width=width, simulated=True)
            assert re.search(r"n\s?=\s?\d+", inside), figure.title
            assert "95 % interval" in inside.replace("\n", " "), figure.title
            assert "simulated" in inside
            assert "simulated" not in drawn(figure, width=width)


def test_same_figure_same_bits_and_nothing_from_outside(report: Report) -> None:
    for figure in (figure for section in report.sections for figure in section.figures):
        svg = draw_svg(figure)
        assert svg == draw_svg(figure)
        assert not re.search(r"http|<script|<image|@import|font-family|\d{4}-\d\d-\d\dT", svg)
        assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', svg))


def test_ids_carry_the_prefix_and_references_find_them(report: Report) -> None:
    svg = draw_svg(report.perturbation.figures[0], prefix="zz")
    ids = set(re.findall(r'\bid="([^"]+)"', svg))
    assert ids
    assert all(one.startswith("zz-") for one in ids)
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= ids


ROW = {"name": HOSTILE, "value": 0.5, "low": 0.4, "high": 0.6, "n": 3, "series": HOSTILE}
LINE = {"name": HOSTILE, "x": [1, 2], "y": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3], "n": 9}
DATA: dict[str, dict[str, Any]] = {
    "histogram": {"edges": [0, 1, 2], "series": [{"name": HOSTILE, "counts": [1, 0]}], "threshold": 1.0,
                  "threshold_label": HOSTILE, "xlabel": HOSTILE},
    "curves": {"series": [LINE], "xlabel": HOSTILE, "ylabel": HOSTILE, "limit": {"value": 0.1, "label": HOSTILE},
               "xticks": [[1, HOSTILE]]},
    "bars": {"rows": [ROW], "xlabel": HOSTILE, "limit": {"value": 0.1, "label": HOSTILE}},
    "interval_dots": {"rows": [ROW], "percent": True},
    "heatmap": {"rows": [HOSTILE], "columns": [HOSTILE], "values": [[0.4]], "n": [[7]], "xlabel": HOSTILE},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(DATA))
def test_hostile_names_stay_text(kind: Any) -> None:
    for width in ("wide", "narrow"):
        svg = draw_svg(Figure(kind, "t", DATA[kind], alt=HOSTILE), width=width)
        assert "<script" not in svg
        assert "<script" in texts(svg)
        assert "\x00" not in svg
        assert "\u202e" not in svg


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("bars", {"rows": []}),
        ("interval_dots", {"rows": []}),
        ("curves", {"series": []}),
        ("histogram", {"edges": [0, 1], "series": [{"name": "a", "counts": [0]}]}),
        ("heatmap", {"rows": ["a"], "columns": ["b"], "values": [[None]], "n": [[None]]}),
        ("interval_dots", {"rows": [{"name": "a", "value": 0.5, "low": None, "high": None, "n": 1}]}),
    ],
)
def test_little_data_is_drawn_without_a_fuss(kind: Any, data: dict[str, Any]) -> None:
    drawn(Figure(kind, "t", data, alt="x"), simulated=True)


@pytest.mark.parametrize("kind", list(DATA))
def test_missing_data_is_named(kind: Any) -> None:
    with pytest.raises(ContractError, match=r"'t' cannot be drawn: KeyError"):
        draw_svg(Figure(kind, "t", {}, alt="x"))


def test_a_curve_without_interval_says_so() -> None:
    line = {key: value for key, value in LINE.items() if key not in ("low", "high")}
    assert "No interval was measured" in drawn(Figure("curves", "t", {"series": [line]}, alt="x"))


def test_column_names_break_behind_underscores_and_only_where_they_must() -> None:
    assert heading("mobilenetv3_small_100", 25) == "mobilenetv3_small_100"
    assert heading("mobilenetv3_small_100", 16) == "mobilenetv3_\nsmall_100"
    assert heading("MI-FGSM with SFA", 9) == "MI-FGSM\nwith SFA"


@pytest.mark.parametrize("kind", ["interval_dots", "bars"])
def test_differences_below_zero_lie_inside_their_axes(kind: str) -> None:
    rows = [{"name": "a", "value": 0.05, "low": -0.13, "high": 0.2, "n": 9}]
    canvas = Canvas(figsize=(6, 3), layout="constrained")
    getattr(plots, kind)(canvas, {"rows": rows, "percent": True}, False)
    low, high = canvas.axes[0].get_xlim()
    assert low <= -0.13
    assert high >= 0.2
    canvas = Canvas(figsize=(6, 3), layout="constrained")
    getattr(plots, kind)(canvas, {"rows": [{**rows[0], "low": 0.01}], "percent": True}, False)
    assert canvas.axes[0].get_xlim()[0] > -0.01
