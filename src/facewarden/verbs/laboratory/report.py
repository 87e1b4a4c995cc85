"""Write the report of an audit again from its report.json, or of a training run from its log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.data.results import Result
from facewarden.data.table import SUFFIXES
from facewarden.reporting.changes import Changes, changes_between
from facewarden.reporting.codec import read_report
from facewarden.reporting.document import Gate
from facewarden.reporting.gate import parse_gate
from facewarden.reporting.html import write_report
from facewarden.reporting.markdown import write_markdown
from facewarden.reporting.training import is_training_run, read_training
from facewarden.reporting.training_page import write_training
from facewarden.verbs.laboratory.lab_report import write_lab_report


@dataclass(frozen=True, repr=False)
class WrittenReport(Result):
    """A report that was written again.

    Attributes:
        page: the file.
        changes: against an earlier report, if one was given.
        gate: outcome of `fail_on`, if one was given.
    """

    page: Path
    changes: Changes | None = None
    gate: Gate | None = None


def report(
    run: PathLike,
    /,
    *,
    out: PathLike | None = None,
    form: Literal["html", "markdown", "lab"] = "html",
    lab: PathLike | None = None,
    sign: PathLike | None = None,
    pdf: bool = False,
    against: PathLike | None = None,
    fail_on: str | None = None,
) -> Path:
    """Render a run's report: an audit's from its report.json, a training run's from its log, also while it goes on.

    Args:
        run: folder of an audit or of a training run, or a report.json.
        out: folder to write to; the run's own by default.
        form: html; markdown with the JSON beside it; or lab, the report of a test laboratory, whose records are a table
            of scores or the `scores.parquet` of a folder.
        lab: for lab: what the laboratory states (lab.json); without it a template is written.
        sign: for lab: PEM file with an Ed25519 private key, which signs the list of evidence (extra `sign`).
        pdf: for lab: write a PDF as well (extra `pdf`).
        against: an earlier audit; the page says what changed, metric by metric.
        fail_on: a gate, such as "regressed(presentation.apcer)"; its outcome stands on the page.
    """
    if form == "lab":
        if against is not None or fail_on is not None:
            raise BadInputError("the form lab has no gate", hint="leave --against and --fail-on out")
        return write_lab_report(
            path_of(run), out=maybe_path(out), lab=maybe_path(lab), sign=maybe_path(sign), pdf=pdf
        ).page
    if lab is not None or sign is not None or pdf:
        raise BadInputError("lab, sign and pdf are of the form lab", hint="--form lab")
    return write_again(run, out=out, form=form, against=against, fail_on=fail_on).page


def write_again(
    run: PathLike,
    /,
    *,
    out: PathLike | None = None,
    form: Literal["html", "markdown", "lab"] = "html",
    lab: PathLike | None = None,
    sign: PathLike | None = None,
    pdf: bool = False,
    against: PathLike | None = None,
    fail_on: str | None = None,
) -> WrittenReport:
    """Do what `report` does, and return what changed and the outcome of the gate as well."""
    run, out = path_of(run), maybe_path(out)
    if run.suffix.lower() in SUFFIXES:
        raise BadInputError(
            f"{run}: a table is no audit",
            hint=f"facewarden evaluate scores {run}, or facewarden report {run} --form lab for records of a laboratory",
        )
    if not (run / "report.json").is_file() and is_training_run(run):
        if against is not None or fail_on is not None:
            raise BadInputError(f"{run}: a training run has no gate", hint="give the folder of an audit")
        return WrittenReport(write_training(read_training(run), out or run, markdown=form == "markdown"))
    gate = None if fail_on is None else parse_gate(fail_on)
    found, source = read_report(run)
    changes = None if against is None else changes_between(read_report(path_of(against))[0], found)
    folder = out or source.parent
    try:
        if gate is not None:
            found = replace(found, gate=gate.evaluate(found, changes))
        if form == "markdown":
            page = write_markdown(found, folder, changes=changes)
        else:
            page = write_report(found, folder, changes=changes)[0]
    except FacewardenError as error:
        if str(folder) in error.message or error.message.startswith("gate"):  # what is wrong is named already
            raise
        raise BadInputError(f"{source}: {error.message}", hint=error.hint) from error
    return WrittenReport(page, changes, found.gate)
