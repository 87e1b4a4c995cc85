"""Write the report of an audit again from its report.json, or of a training run from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome
from facewarden.core.errors import BadInputError


def report(
    run: Folder,
    /,
    *,
    out: Folder | None = None,
    form: Literal["html", "markdown", "lab"] = "html",
    lab: Path | None = None,
    sign: Path | None = None,
    pdf: bool = False,
    against: Path | None = None,
    fail_on: str | None = None,
) -> Outcome:
    """Write a run's report: an audit's from its report.json, a training run's from its log, also while it runs.

    Args:
        run: folder of an audit or of a training run, or a report.json; for lab also a table of scores.
        out: folder to write; the run's own by default.
        form: html; markdown with the JSON beside it; or lab, the report of a test laboratory.
        lab: for lab: what the laboratory states (lab.json); without it a template is written.
        sign: for lab: PEM file with an Ed25519 private key, which signs the list of evidence.
        pdf: for lab: write a PDF as well.
        against: folder or report.json of an earlier audit; the page says what changed, metric by metric.
        fail_on: a gate, such as "regressed(presentation.apcer)"; exit code 1 when it fails.
    """
    check_path(run)
    for path in (against, lab, sign):
        check_path(path)
    if form == "lab":
        return _lab(run, out=out, lab=lab, sign=sign, pdf=pdf, gated=against is not None or fail_on is not None)
    if lab is not None or sign is not None or pdf:
        raise BadInputError("--lab, --sign and --pdf are of --form lab", hint="--form lab")
    from facewarden.verbs.laboratory.report import write_again

    written = write_again(run, out=out, form=form, against=against, fail_on=fail_on)
    lines = []
    if written.changes is not None:
        lines += [f"{one.verdict:<7} {one.section}.{one.new.label}: {one.old.value:.4g} -> {one.new.value:.4g}"
                  for one in written.changes.metrics if one.verdict in ("worse", "better")]  # fmt: skip
        silent = sum(one.verdict not in ("worse", "better") for one in written.changes.metrics)
        lines += [f"not the same: {one.what}: {one.old} -> {one.new}" for one in written.changes.conditions]
        lines.append(f"{silent} metrics without a change that is shown")
    if written.gate is not None:
        lines.append(f"gate {'passed' if written.gate.passed else 'FAILED'}: {written.gate.detail}")
    lines.append(f"report: {written.page}")
    told = {"report": written.page, "changes": written.changes, "gate": written.gate}
    result = {name: value for name, value in told.items() if value is not None}
    return Outcome(result, lines, 0 if written.gate is None or written.gate.passed else 1)


def _lab(run: Path, *, out: Path | None, lab: Path | None, sign: Path | None, pdf: bool, gated: bool) -> Outcome:
    if gated:
        raise BadInputError("--form lab has no gate", hint="leave --against and --fail-on out")
    from facewarden.reporting.format import interval, number, plain
    from facewarden.verbs.laboratory.lab_report import write_lab_report

    written = write_lab_report(run, out=out, lab=lab, sign=sign, pdf=pdf)
    lines = []
    for one in written.results.species:
        found = {"APCER": one.apcer, "IAPAR at most" if one.iapar_is_bound else "IAPAR": one.iapar}
        rates = [f"{name} {number(rate.value, unit='%')} ({interval(rate.low, rate.high, unit='%', like=rate.value)}), "
                 f"n = {rate.n}" for name, rate in found.items() if rate is not None]  # fmt: skip
        silent = round(one.apnrr.value * one.presentations)
        rates += [f"{silent} without a response"] if silent else []
        lines.append(f"{plain(one.name):<20} {', '.join(rates)}")
    lines.append(f"not measured or not stated: {', '.join(written.not_measured) or 'nothing'}")
    lines += [f"evidence: {written.root}", *(f"wrote {path}" for path in written.files)]
    return Outcome(written, lines)


entry = report
