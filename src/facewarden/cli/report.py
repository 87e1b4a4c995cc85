"""Write the report of a finished run again, from its report.json."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.report.document import Report
from facewarden.report.html import write_report
from facewarden.report.markdown import write_markdown


def report(run: Path, /, *, out: Path | None = None, form: Literal["html", "markdown"] = "html") -> Path:
    """Render a run's report again from its report.json, for instance after an upgrade or for a repository of results.

    Args:
        run: folder of an audit, or a report.json.
        out: folder to write to; the run's own by default.
        form: html, or markdown with the JSON beside it.
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
    folder, found = out or source.parent, Report.from_json(text)
    if form == "markdown":
        return write_markdown(found, folder)
    page, _ = write_report(found, folder)
    return page


def show(page: Path) -> int:
    """Print where the page is."""
    print(f"report: {page}")
    return 0


entry = report
