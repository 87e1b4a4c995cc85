"""A plan's summary as Markdown, LaTeX and JSON, from one source."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json, write_text
from facewarden.data.text import counted
from facewarden.experiments.engine.executor import Failure
from facewarden.experiments.engine.kind import Summary
from facewarden.reporting.document import Table
from facewarden.reporting.figures import draw_svg, standalone
from facewarden.reporting.markdown import inert, render_table, shell_block

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "→": r"$\to$", "±": r"$\pm$", "≥": r"$\ge$", "≤": r"$\le$",
    "×": r"$\times$", "λ": r"$\lambda$", "−": "$-$", "†": r"\textdagger{}", "\n": " ",
}  # fmt: skip


def write_summary(
    summary: Summary, folder: Path, *, command: str, settings: Mapping[str, Any], failed: Sequence[Failure] = ()
) -> Path:
    """Write `summary.md`, `summary.tex`, `summary.json` and one SVG a figure.

    Args:
        summary: what was found.
        folder: the plan's.
        command: that makes it again.
        settings: the plan as it was read.
        failed: cells that are not in it; every file names them.

    Returns:
        The Markdown file.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        for number, figure in enumerate(summary.figures, start=1):
            whole = standalone(draw_svg(figure, simulated=summary.simulated))
            write_text(folder / f"figure-{number}.svg", whole)
        page = folder / "summary.md"
        write_text(page, render_markdown(summary, command=command, failed=failed))
        write_text(folder / "summary.tex", render_latex(summary, command=command, failed=failed))
        write_json(folder / "summary.json", to_json(summary, command=command, settings=settings, failed=failed))
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="a writable folder: --out DIR") from error
    return page


def render_markdown(summary: Summary, *, command: str, failed: Sequence[Failure] = ()) -> str:
    """Render one Markdown page: findings, tables, links to the figures, and the command."""
    blocks = [f"# {summary.title}{_simulated(summary, ' (*simulated*)')}"]
    if summary.simulated:
        blocks.append("Every number here is from *simulated* captures.")
    blocks.append(shell_block(command))
    if failed:
        blocks.append(
            f"**{_lost(failed)}**\n\n" + "\n".join(f"- {inert(f.cell.name)}: {inert(f.message)}" for f in failed)
        )
    if summary.sentences:
        blocks.append("\n".join(f"- {sentence}" for sentence in summary.sentences))
    for table in summary.tables:
        mark = " (*simulated*)" if table.simulated or summary.simulated else ""
        note = f"\n\n{table.note}" if table.note else ""
        blocks.append(f"**{table.title}**{mark}\n\n{render_table(table)}{note}")
    for number, figure in enumerate(summary.figures, start=1):
        alt = figure.alt.replace("[", "(").replace("]", ")")
        blocks.append(f"![{alt}](figure-{number}.svg)\n\n{figure.title}{_simulated(summary, ' (*simulated*)')}. "
                      f"{figure.note}".rstrip())  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def render_latex(summary: Summary, *, command: str, failed: Sequence[Failure] = ()) -> str:
    """Render every table as a booktabs float that a paper can `\\input`."""
    head = [f"% {_line(line)}" for line in (summary.title, f"made by: {command}", "needs: \\usepackage{booktabs}")]
    head += [f"% {_line(f'{_lost(failed)}: ' + ', '.join(f.cell.name for f in failed))}"] if failed else []
    return "\n".join(head) + "\n\n" + "\n\n".join(_latex_table(t, simulated=summary.simulated) for t in summary.tables)


def to_json(
    summary: Summary, *, command: str, settings: Mapping[str, Any], failed: Sequence[Failure] = ()
) -> dict[str, Any]:
    """The summary as JSON values; it does not depend on when, where or how often the plan ran."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(summary)))
    lost = [{"cell": f.cell.name, "id": f.key, "message": f.message} for f in failed]
    return {**plain, "command": command, "plan": settings, "failed": lost}


def _latex_table(table: Table, *, simulated: bool) -> str:
    text = [all(isinstance(row[place], str) for row in table.rows) for place in range(len(table.columns))]
    layout = "".join("l" if place == 0 or words else "r" for place, words in enumerate(text))
    mark = " (\\emph{simulated})" if simulated or table.simulated else ""
    label = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")
    lines = ["\\begin{table}", "\\centering", f"\\caption{{{latex(table.title)}{mark}. {latex(table.note)}}}",
             f"\\label{{tab:{label}}}", f"\\begin{{tabular}}{{{layout}}}", "\\toprule",
             " & ".join(map(latex, table.columns)) + " \\\\", "\\midrule"]  # fmt: skip
    lines += [" & ".join(map(latex, row)) + " \\\\" for row in table.rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}"]) + "\n"


def latex(value: object) -> str:
    """A cell's value as LaTeX text."""
    text = "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _simulated(summary: Summary, mark: str) -> str:
    return mark if summary.simulated else ""


def _lost(failed: Sequence[Failure]) -> str:
    return f"{counted(len(failed), 'cell')} failed and {'is' if len(failed) == 1 else 'are'} missing"


def _line(text: str) -> str:
    return " ".join(text.split())
