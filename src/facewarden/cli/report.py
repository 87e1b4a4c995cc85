"""Write the report of an audit again from its report.json, or of a training run from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome


def report(run: Folder, /, *, out: Folder | None = None, form: Literal["html", "markdown"] = "html") -> Outcome:
    """Write a run's report: an audit's from its report.json, a training run's from its log, also while it runs.

    Args:
        run: folder of an audit or of a training run, or a report.json.
        out: folder to write; the run's own by default.
        form: html, or markdown with the JSON beside it.
    """
    check_path(run)
    from facewarden.verbs.report import report as write

    page: Path = write(run, out=out, form=form)
    return Outcome({"report": page}, [f"report: {page}"])


entry = report
