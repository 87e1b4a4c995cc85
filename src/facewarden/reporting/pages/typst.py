"""A page as PDF: typst source in which every text is a string, compiled by the `typst` package (extra `pdf`)."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.reporting.document import Cell, Table
from facewarden.reporting.figures import draw_svg, standalone
from facewarden.reporting.html import cell_text
from facewarden.reporting.pages.document import Chapter, Page
from facewarden.reporting.text import clean

_LONG, _CHUNK = re.compile(r"\S{25,}"), re.compile(r".{1,16}")
_HEAD = """#set page(paper: "a4", margin: (x: 18mm, top: 20mm, bottom: 22mm), numbering: "1 / 1")
#set text(font: "DejaVu Sans", size: 9pt, lang: "en", fill: rgb("#1f2933"))
#set par(leading: 0.62em, spacing: 0.95em)
#set heading(numbering: none)
#show heading.where(level: 1): set text(size: 17pt)
#show heading.where(level: 2): it => block(above: 1.6em, below: 0.8em, text(size: 12.5pt, it.body))
#show raw: set text(font: "DejaVu Sans Mono", size: 7.5pt)
#let mark(body) = box(fill: rgb("#fdf3e3"), stroke: 0.5pt + rgb("#ecd3a6"), inset: (x: 3pt, y: 1.5pt), radius: 2pt,
  text(size: 7pt, style: "italic", fill: rgb("#8a4b08"), body))
#let note(body) = text(size: 7.5pt, fill: rgb("#52606d"), body)
"""


def page_typst(page: Page) -> tuple[str, dict[str, str]]:
    """Typst source of a page, and the SVG files that it shows.

    Args:
        page: what to show; no text of it can run as typst code, since each stands in a string.
    """
    figures: dict[str, str] = {}
    mark = ' #mark("simulated")' if page.simulated else ""
    lines = [
        _HEAD,
        f"#set document(title: {_string(page.title)}, date: none)",
        f"#note(upper({_string(page.kicker)}))",
        f"#heading(level: 1, [#{_string(page.title)}{mark}])",
        f"#note({_string(' · '.join(page.facts))})",
        f"#text(size: 10.5pt, {_string(page.summary)})",
        *(f'#block(inset: 6pt, stroke: (left: 2pt + rgb("#8a4b08")), {_string(text)})' for text in page.warnings),
    ]
    for chapter in page.chapters:
        lines += _chapter(chapter, figures, simulated=page.simulated)
    if page.command:
        lines += ['#heading(level: 2, "To make it again")', f"#raw(block: true, {_string(page.command)})"]
    if page.versions:
        told = ", ".join(f"{name} {value}" for name, value in page.versions)
        lines.append(f"#note({_string(f'Versions: {told}.')})")
    return "\n\n".join(lines) + "\n", figures


def page_pdf(page: Page) -> bytes:
    """Compile a page to PDF.

    Raises:
        BadInputError: the package `typst` is not installed.
    """
    try:
        import typst
    except ImportError as error:
        raise BadInputError(
            "a PDF needs the package typst", hint='pip install "facewarden[pdf]", or take --form html'
        ) from error
    source, figures = page_typst(page)
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        main = Path(folder, "page.typ")
        write_text(main, source, sync=False)
        for name, svg in figures.items():
            write_text(Path(folder, name), svg, sync=False)
        made: Any = typst.compile(str(main), root=folder, font_paths=[str(_fonts())], ignore_system_fonts=True)
        return bytes(made)


def _fonts() -> Path:
    """The fonts that ship with matplotlib, which text in figures is measured with."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def _chapter(chapter: Chapter, figures: dict[str, str], *, simulated: bool) -> list[str]:
    status = f" #mark({_string(chapter.status)})" if chapter.status else ""
    lines = [f"#heading(level: 2, [#{_string(chapter.title)}{status}])"]
    lines += [f"#par({_string(text)})" for text in chapter.text]
    lines += [_table(table) for table in chapter.tables if table.rows]
    for number, figure in enumerate(chapter.figures):
        name = f"{chapter.name}-{number}.svg"
        drawn = draw_svg(figure, simulated=simulated, prefix=f"{chapter.name}-{number}", text="paths")
        figures[name] = standalone(drawn)
        lines.append(
            f"#block(breakable: false, [#text(weight: 600, {_string(figure.title)}) \\ "
            f"#image({_string(name)}, width: 100%, alt: {_string(figure.alt)}) #note({_string(figure.note)})])"
        )
    for what, command in chapter.commands:
        lines += [f"#par({_string(what)})", f"#raw(block: true, {_string(command)})"]
    return lines


def _table(table: Table) -> str:
    columns = len(table.columns)
    widths = ", ".join(f"{_weight(table, at):.1f}fr" for at in range(columns))
    size = "7pt" if columns > 6 else "7.5pt" if columns > 4 else "8pt"
    head = ", ".join(f"text(weight: 600, {_string(name)})" for name in table.columns)
    cells = ",\n  ".join(", ".join(_cell(value) for value in row) for row in table.rows)
    mark = ' #mark("simulated")' if table.simulated else ""
    note = f" #note({_string(table.note)})" if table.note else ""
    # a comma behind each list keeps a table of one column a list
    title = f"#text(weight: 600, {_string(table.title)}){mark} #v(0.3em)\n" if table.title else ""
    return (
        f"#block([{title}"
        f"#set text(size: {size}); #table(columns: ({widths},), inset: 3.5pt, stroke: (x, y) => "
        '(bottom: 0.4pt + rgb("#d9dee4")),\n'
        f"  table.header({head},),\n  {cells},\n){note}])"
    )


def _weight(table: Table, at: int) -> float:
    """Width of a column by its longest cell, within bounds: a hash does not take the page, a number keeps its place."""
    longest = max((len(cell_text(row[at])) for row in table.rows), default=0)
    word = max(len(part) for part in f"{table.columns[at]} ".split(" "))
    return float(min(max(longest, word, 6), 34))


def _cell(value: Cell) -> str:
    # a zero-width space lets a hash or a path go on in the next line
    return _string(_LONG.sub(lambda match: "\u200b".join(_CHUNK.findall(match[0])), cell_text(value)))


def _string(text: str) -> str:
    """A text as a typst string; JSON escapes are typst's but for code points, which typst writes with braces."""
    plain = clean(text).replace("\u2060", "")
    return json.dumps(plain, ensure_ascii=False)
