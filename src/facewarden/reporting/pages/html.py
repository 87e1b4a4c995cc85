"""A page as one self-contained HTML file: style and figures inside, no script, nothing fetched."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from facewarden.reporting.document import Figure
from facewarden.reporting.figures import Width, draw_svg
from facewarden.reporting.html import TEMPLATES, cell_text, finalize
from facewarden.reporting.pages.document import Page


def page_html(page: Page) -> str:
    """Render a page; every text in it is escaped.

    Args:
        page: what to show; the same page gives the same bytes.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=finalize,
    )  # fmt: skip
    environment.filters.update(cell=cell_text)

    def svg(figure: Figure, width: Width, prefix: str) -> Markup:
        return Markup(draw_svg(figure, width=width, simulated=page.simulated, prefix=prefix))

    text = environment.get_template("sheet.html.jinja").render(
        page=page, svg=svg, style=Markup(TEMPLATES.joinpath("page.css").read_text(encoding="utf-8"))
    )
    return text.rstrip() + "\n"
