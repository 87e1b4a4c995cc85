"""A page as Markdown, with its figures as files beside it."""

from __future__ import annotations

from collections.abc import Iterator

from facewarden.reporting.document import Figure, Table
from facewarden.reporting.figures import draw_svg, standalone
from facewarden.reporting.markdown import inert, render_table, shell_block
from facewarden.reporting.pages.document import Chapter, Page


def page_markdown(page: Page, *, figures: str) -> str:
    """Render a page as Markdown.

    Args:
        page: what to show.
        figures: folder of the figures, as seen from the page; `figure_files` says which they are.
    """
    mark = " (simulated)" if page.simulated else ""
    blocks = [f"# {inert(page.title)}{mark}", inert(page.summary), " · ".join(map(inert, page.facts))]
    blocks += [f"> **Note.** {inert(text)}" for text in page.warnings]
    for chapter in page.chapters:
        blocks += _chapter(chapter, figures)
    if page.command:
        blocks += ["## To make it again", shell_block(page.command)]
    if page.versions:
        blocks.append("Versions: " + ", ".join(f"{inert(name)} {inert(value)}" for name, value in page.versions) + ".")
    return "\n\n".join(block for block in blocks if block) + "\n"


def figure_files(page: Page) -> Iterator[tuple[str, str]]:
    """Name and SVG text of every figure of a page."""
    for chapter in page.chapters:
        for number, figure in enumerate(chapter.figures):
            name = _file(chapter, number)
            drawn = draw_svg(figure, simulated=page.simulated, prefix=f"{chapter.name}-{number}")
            yield name, standalone(drawn)


def _file(chapter: Chapter, number: int) -> str:
    return f"{chapter.name}-{number}.svg"


def _chapter(chapter: Chapter, figures: str) -> list[str]:
    status = f" ({chapter.status})" if chapter.status else ""
    blocks = [f"## {inert(chapter.title)}{status}", *(inert(text) for text in chapter.text)]
    blocks += [_table(table) for table in chapter.tables]
    for number, figure in enumerate(chapter.figures):
        blocks.append(_figure(figure, f"{figures}/{_file(chapter, number)}"))
    blocks += [f"{inert(what)}\n\n{shell_block(command)}" for what, command in chapter.commands]
    return blocks


def _table(table: Table) -> str:
    mark = " (simulated)" if table.simulated else ""
    note = f"\n\n{inert(table.note)}" if table.note else ""
    title = f"**{inert(table.title)}{mark}**\n\n" if table.title else ""
    return f"{title}{render_table(table)}{note}"


def _figure(figure: Figure, path: str) -> str:
    note = f" {inert(figure.note)}" if figure.note else ""
    return f"![{inert(figure.alt)}]({path})\n\n*{inert(figure.title)}.*{note}"
