"""The page of a training run: one self-contained HTML file, or Markdown with its figures beside it."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.reporting.document import Figure
from facewarden.reporting.figures import Width, draw_svg, standalone
from facewarden.reporting.html import finalize
from facewarden.reporting.markdown import render_table, shell_block
from facewarden.reporting.training import TrainingReport

HTML, MARKDOWN, FIGURES = "training.html", "training.md", "training_figures"
_TEMPLATES = Path(__file__).with_name("templates")


def render_training_html(report: TrainingReport) -> str:
    """The report as one HTML page: style and figures inside, no script, nothing fetched."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=finalize,
    )  # fmt: skip

    def svg(figure: Figure, width: Width, prefix: str) -> Markup:
        return Markup(draw_svg(figure, width=width, simulated=report.simulated, prefix=prefix))

    page = environment.get_template("training.html.jinja").render(
        report=report,
        svg=svg,
        style=Markup(_TEMPLATES.joinpath("page.css").read_text(encoding="utf-8")),
        recipe=json.dumps(dict(report.recipe), indent=2, sort_keys=True),
        packages=sorted(dict(report.provenance.get("packages", {})).items()),
    )
    return page.rstrip() + "\n"


def write_training(report: TrainingReport, folder: Path, *, markdown: bool = False) -> Path:
    """Write `training.html`, or `training.md` and a folder of figures.

    Returns:
        The path of the page.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if markdown:
            return _write_markdown(report, folder)
        return write_text(folder / HTML, render_training_html(report))
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot write the report: {error}", hint="a writable folder: --out DIR"
        ) from error


def _write_markdown(report: TrainingReport, folder: Path) -> Path:
    mark = " (simulated)" if report.simulated else ""
    blocks = [f"# {report.title}{mark}", report.summary, " · ".join(report.facts), shell_block(report.command)]
    (folder / FIGURES).mkdir(exist_ok=True)
    for chapter in report.chapters:
        blocks += [f"## {chapter.title}", chapter.text]
        for number, figure in enumerate(chapter.figures):
            name = f"{chapter.name}-{number}.svg"
            drawn = draw_svg(figure, simulated=report.simulated, prefix=f"{chapter.name}-{number}")
            write_text(folder / FIGURES / name, standalone(drawn))
            note = f" {figure.note}" if figure.note else ""
            blocks.append(f"![{figure.alt}]({FIGURES}/{name})\n\n*{figure.title}.*{note}")
        blocks += [f"**{table.title}**\n\n{render_table(table)}\n\n{table.note}" for table in chapter.tables]
    return write_text(folder / MARKDOWN, "\n\n".join(block for block in blocks if block) + "\n")
