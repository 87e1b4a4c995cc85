"""Write the report of an audit again from its report.json, or of a training run from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome


def report(
    run: Folder,
    /,
    *,
    out: Folder | None = None,
    form: Literal["html", "markdown"] = "html",
    against: Path | None = None,
    fail_on: str | None = None,
) -> Outcome:
    """Write a run's report: an audit's from its report.json, a training run's from its log, also while it runs.

    Args:
        run: folder of an audit or of a training run, or a report.json.
        out: folder to write; the run's own by default.
        form: html, or markdown with the JSON beside it.
        against: folder or report.json of an earlier audit; the page says what changed, metric by metric.
        fail_on: a gate, such as "regressed(presentation.apcer)"; exit code 1 when it fails.
    """
    check_path(run)
    check_path(against)
    from facewarden.verbs.laboratory.report import write_again

    written = write_again(run, out=out, form=form, against=against, fail_on=fail_on)
    lines = []
    if written.changes is not None:
        lines += [f"{one.verdict:<7} {one.section}.{one.new.label}: {one.old.value:.4g} -> {one.new.value:.4g}"
                  for one in written.changes.metrics if one.verdict in ("worse", "better")]  # fmt: skip
        silent = sum(one.verdict not in ("worse", "better") for one in written.changes.metrics)
        lines.append(f"{silent} metrics without a change that is shown")
    if written.gate is not None:
        lines.append(f"gate {'passed' if written.gate.passed else 'FAILED'}: {written.gate.detail}")
    lines.append(f"report: {written.page}")
    told = {"report": written.page, "changes": written.changes, "gate": written.gate}
    result = {name: value for name, value in told.items() if value is not None}
    return Outcome(result, lines, 0 if written.gate is None or written.gate.passed else 1)


entry = report
