"""The page: one self-contained HTML file with its figures inside, and its JSON twin beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.reporting.changes import Changes
from facewarden.reporting.changes_tables import changes_tables
from facewarden.reporting.codec import dump_report
from facewarden.reporting.document import LETTERS, SECTIONS, Metric, Report, Section
from facewarden.reporting.figures import draw_svg
from facewarden.reporting.findings import ranked_findings
from facewarden.reporting.format import group_text, label, measured, number
from facewarden.reporting.grades import ACCURACY_PRICE, BUDGET, E_BUDGET, SCALES
from facewarden.reporting.text import clean

KEY_NUMBERS = 12
"""How many metrics a section shows; the rest, in the section's order, stand in the appendix."""

HTML, JSON = "report.html", "report.json"
_RANGE = re.compile(r"(?<=\d)–(?=\d)")
TEMPLATES = Path(__file__).with_name("templates")


def render_html(report: Report, *, changes: Changes | None = None) -> str:
    """The report as one HTML page: style and figures inside, no script, nothing fetched, nothing from the clock.

    Args:
        report: what to show; every text in it is escaped.
        changes: since an earlier report.

    Raises:
        ContractError: a figure's data lack something that its kind needs.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters.update(label=label, group=group_text, cell=cell_text, settings=_settings, moment=_moment)
    environment.globals.update(measured=measured, number=number, track=_track, key_numbers=KEY_NUMBERS)
    page = environment.get_template("page.html.jinja").render(
        report=report,
        findings=ranked_findings(report),
        changes=changes,
        changed=[] if changes is None else changes_tables(changes),
        figures={section.name: _figures(section) for section in report.sections},
        style=Markup(TEMPLATES.joinpath("page.css").read_text(encoding="utf-8")),
        scales=_scales(),
        letters=LETTERS,
        versions=_versions(report.provenance),
    )
    return page.rstrip() + "\n"


def write_report(report: Report, folder: Path, *, changes: Changes | None = None) -> tuple[Path, Path]:
    """Write `report.html` and `report.json`; a reader sees either an old file or a whole new one.

    Args:
        report: what to write.
        folder: made when absent.
        changes: since an earlier report, for the page alone.

    Returns:
        The paths of page and JSON.

    Raises:
        BadInputError: the folder cannot be written.
    """
    page, twin = folder / HTML, folder / JSON
    texts = {
        page: render_html(report, changes=changes),
        twin: dump_report(report),
    }  # both are made before either is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            write_text(path, text)
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot write the report: {error}", hint="a writable folder: --out DIR"
        ) from error
    return page, twin


def finalize(value: Any) -> Any:
    """Clean every text of the page; markup from this package stays unchanged."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _RANGE.sub("\u2060–\u2060", clean(value))  # word joiners: an interval is not broken at its dash


def _figures(section: Section) -> list[dict[str, Any]]:
    drawn = []
    for index, figure in enumerate(section.figures):
        simulated = section.simulated or figure.simulated
        prefix = f"{section.name}-{index}"
        wide = draw_svg(figure, width="wide", simulated=simulated, prefix=f"{prefix}-w")
        narrow = draw_svg(figure, width="narrow", simulated=simulated, prefix=f"{prefix}-n")
        drawn.append({"figure": figure, "simulated": simulated, "wide": Markup(wide), "narrow": Markup(narrow)})
    return drawn


def _track(metric: Metric) -> Markup:
    """A small picture of a share and its interval between 0 and 1; empty for numbers on other scales."""
    low, high = metric.low, metric.high
    if metric.unit not in ("", "%") or low is None or high is None or not 0 <= low <= high <= 1:
        return Markup("")
    ends = f"{low * 100:.1f}", f"{max((high - low) * 100, 0.8):.1f}"
    at = min(max(metric.value * 100, 0.6), 99.4)
    return Markup(
        '<svg class="track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="all" x="0" y="3.5" width="100" height="3"/>'
        f'<rect class="range" x="{ends[0]}" y="2.5" width="{ends[1]}" height="5"/>'
        f'<rect class="point" x="{at - 0.6:.1f}" y="0" width="1.2" height="10"/></svg>'
    )


_SUM = re.compile(r"(?<=[a-z])\+(?=[a-z])")
_BREAK = "+\N{ZERO WIDTH SPACE}"
"""Names that are joined, such as rgb+depth+infrared, break after a plus and not within a word."""


def cell_text(value: str | float | int | None) -> str:
    """A cell of a table as text: a `float` with three digits, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if 1e-4 <= abs(value) < 1e6 or value == 0 else f"{value:.2e}"
    return _SUM.sub(_BREAK, str(value))


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_word(value)}" for key, value in values.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_word(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)


def _moment(created: str) -> str:
    return created[:16].replace("T", " ") + " UTC"


def _versions(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provenance as rows, one level of mappings opened."""
    rows: list[tuple[str, str]] = []
    for key, value in provenance.items():
        if isinstance(value, dict):
            rows += [(str(name), _word(inner)) for name, inner in value.items()]
        else:
            rows.append((key, _word(value)))
    return rows


def _scales() -> list[dict[str, Any]]:
    """The grading tables as text."""
    extra = {
        "presentation": "",
        "perturbation": f"Strongest attack at a budget of {BUDGET}. Above the limit of D: E while half of the samples "
        f"resist a budget of {number(E_BUDGET, unit='/255')}, else F.",
        "poisoning": "Most protective cloak behind the best purifier that costs at most "
        f"{number(ACCURACY_PRICE, unit='%')} of verification accuracy.",
    }
    return [
        {
            "section": name,
            "metric": label(SCALES[name].metric),
            "limits": [f"≤ {number(limit, unit='%')}" for limit in SCALES[name].limits],
            "open": ["above"] if len(SCALES[name].limits) == len(LETTERS) - 1 else ["see note", "see note"],
            "min_n": SCALES[name].min_n,
            "note": extra[name],
        }
        for name in SECTIONS
    ]
