"""Write the report of a finished run again, from its report.json."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.report.document import Report
from facewarden.report.html import write_report


def report(run: Path, /, *, out: Path | None = None) -> Path:
    """Render report.html from a run's report.json, for instance after an upgrade or on another machine.

    Args:
        run: folder of an audit, or a report.json.
        out: folder to write to; the run's own by default.
    """
    source = run / "report.json" if run.is_dir() else run
    if not source.is_file():
        raise BadInputError(
            f"{source}: no report here", hint="facewarden audit --out DIR writes one (--resume finishes it)"
        )
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{source}: cannot be read: {error}", hint="facewarden audit writes such files") from error
    html, _ = write_report(Report.from_json(text), out or source.parent)
    return html


def show(html: Path) -> int:
    """Print where the page is."""
    print(f"report: {html}")
    return 0


entry = report
