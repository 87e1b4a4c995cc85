"""The report as Markdown with its JSON twin, for a repository of results."""

from __future__ import annotations

import re
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.reporting.changes import Changes
from facewarden.reporting.changes_tables import changes_tables
from facewarden.reporting.codec import dump_report
from facewarden.reporting.document import Report, Section, Table
from facewarden.reporting.findings import Finding, ranked_findings
from facewarden.reporting.format import group_text, label, measured
from facewarden.reporting.text import clean

# what starts an image, a link, inline code, a cell or an escape; text from outside is text and nothing else
_ACTIVE = re.compile(r"[\\`\[\]|]")


def render_markdown(report: Report, *, changes: Changes | None = None) -> str:
    """Render a report as one Markdown page: command, grades, every figure with interval and count, parts.

    Args:
        report: what to render; the same report gives the same text.
        changes: since an earlier report.
    """
    blocks = [
        f"# {inert(report.title)}",
        f"Made by the command below, preset {report.preset}, seed {report.seed}; numbers are value "
        "(95 % interval), sample count.",
        shell_block(report.command),
        render_table(
            Table(
                "",
                ("Section", "Grade", "Finding"),
                tuple((_titled(s), s.grade or "none", s.finding) for s in report.sections),
            )
        ),
    ]
    findings = ranked_findings(report)
    if findings:
        blocks.append("## What to do")
        blocks += [_finding(number, one) for number, one in enumerate(findings, start=1)]
    if report.gate is not None:
        blocks.append(f"Gate {'passed' if report.gate.passed else 'FAILED'}: {inert(report.gate.detail)}")
    if changes is not None:
        blocks.append(f"## What changed since {inert(changes.old_created)}")
        blocks += [f"**{inert(table.title)}**\n\n{render_table(table)}" for table in changes_tables(changes)]
    for section in report.sections:
        blocks += _section(section)
    blocks.append("## What took part")
    rows = tuple((p.role, p.name, p.source, p.licence, _hashes(p.sha256)) for p in report.parts)
    blocks.append(render_table(Table("", ("Role", "Name", "Source", "Licence", "SHA-256"), rows)))
    versions = report.provenance.get("packages", {})
    blocks.append("Versions: " + ", ".join(f"{name} {versions[name]}" for name in sorted(versions)) + ".")
    computed = report.provenance.get("computed", {})
    if computed:
        blocks.append("Computed with " + ", ".join(f"{name} {computed[name]}" for name in sorted(computed)) + ".")
    return "\n\n".join(blocks) + "\n"


def write_markdown(report: Report, folder: Path, *, changes: Changes | None = None) -> Path:
    """Write `report.md` and `report.json`.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "report.md"
        write_text(page, render_markdown(report, changes=changes))
        write_text(folder / "report.json", dump_report(report))
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot be written: {error}", hint="choose a writable folder: --out DIR"
        ) from error
    return page


def _section(section: Section) -> list[str]:
    blocks = [
        f"## {_titled(section)}",
        inert(section.finding),
        f"Grade {section.grade or 'none'}: {inert(section.reason)}",
    ]
    rows = tuple((label(m.name), group_text(m.group), measured(m), m.note) for m in section.metrics)
    if rows:
        blocks.append(render_table(Table("", ("Measure", "Of", "Measured", "Note"), rows)))
    blocks += [f"**{inert(table.title)}**\n\n{render_table(table)}" for table in section.tables if table.rows]
    blocks += [f"Left out: {inert(left.what)} ({inert(left.why)}): {code(left.command)}" for left in section.left_out]
    blocks += [f"Skipped: {count} ({inert(reason)})" for reason, count in section.skipped.items()]
    return blocks


def _finding(number: int, one: Finding) -> str:
    grade = f" (grade {one.grade})" if one.grade else ""
    measure = f": {inert(one.number)}" if one.number else ""
    mark = " (simulated)" if one.simulated else ""
    told = f"{number}. **{inert(one.title)}**{grade}{measure}{mark}. {inert(one.action)}"
    return f"{told} {code(one.command)}" if one.command else told


def _titled(section: Section) -> str:
    return section.name.capitalize() + (" (simulated)" if section.simulated else "")


def _hashes(sha256: object) -> str:
    return ", ".join(value[:16] for value in sha256.values()) if isinstance(sha256, dict) else ""


def render_table(table: Table) -> str:
    """Render one table as Markdown; a `float` with three digits."""
    lines = ["| " + " | ".join(map(inert, table.columns)) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(inert(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def inert(value: object) -> str:
    """A value as one line of text that Markdown shows as it is; a `float` with three digits."""
    text = "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
    return _ACTIVE.sub(r"\\\g<0>", clean(text).replace("&", "&amp;").replace("<", "&lt;")).replace("\n", " ")


def code(text: str) -> str:
    """A text as inline code; its own backticks cannot end it."""
    line = clean(text).replace("\n", " ")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def shell_block(command: str) -> str:
    """A command as a fenced block that nothing in it can end."""
    text = clean(command).replace("\n", " ")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"
