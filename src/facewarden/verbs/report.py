"""Write the report of an audit again from its report.json, or of a training run from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.guards.bounded import read_bounded
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.reporting.codec import parse_report
from facewarden.reporting.html import write_report
from facewarden.reporting.markdown import write_markdown
from facewarden.reporting.training import is_training_run, read_training
from facewarden.reporting.training_page import write_training


def report(run: PathLike, /, *, out: PathLike | None = None, form: Literal["html", "markdown"] = "html") -> Path:
    """Render a run's report: an audit's from its report.json, a training run's from its log, also while it goes on.

    Args:
        run: folder of an audit or of a training run, or a report.json.
        out: folder to write to; the run's own by default.
        form: html, or markdown with the JSON beside it.
    """
    run, out = path_of(run), maybe_path(out)
    if not (run / "report.json").is_file() and is_training_run(run):
        return write_training(read_training(run), out or run, markdown=form == "markdown")
    source = run / "report.json" if run.is_dir() else run
    if not source.is_file():
        raise BadInputError(
            f"{source}: no report here",
            hint="the --out of facewarden audit (--resume finishes it) or of facewarden train",
        )
    try:
        text = read_bounded(source, limit="report_bytes")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{source}: cannot be read: {error}", hint="facewarden audit writes such files") from error
    folder = out or source.parent
    try:
        found = parse_report(text)
        return write_markdown(found, folder) if form == "markdown" else write_report(found, folder)[0]
    except FacewardenError as error:
        if str(folder) in error.message:  # what cannot be written is named already
            raise
        raise BadInputError(f"{source}: {error.message}", hint=error.hint) from error
