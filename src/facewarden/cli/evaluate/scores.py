"""Measure a table of scores that any program wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_groups, check_path
from facewarden.cli.parts.kinds import Folder, Setting
from facewarden.cli.parts.outcome import Outcome


def scores(
    table: Path,
    /,
    *,
    column: tuple[Setting, ...] = (),
    higher: Literal["bona_fide", "attack"] = "bona_fide",
    policy: str = "eer",
    threshold: float | None = None,
    rule: Path | None = None,
    groups: Path | None = None,
    simulated: bool = False,
    seed: int = 0,
    form: tuple[Literal["html", "markdown", "pdf"], ...] = ("html",),
    out: Folder | None = None,
) -> Outcome:
    """Measure a table of scores: error rates with intervals, thresholds of dev with their rates on test, curves.

    Two columns are enough: score and label (1 = bona fide, 0 = attack; live, spoof and such words are understood). The
    columns species, subject, split, key, note and attr_NAME are used where the table has them. Without a split, halves
    are made by the hash of the subject, or of the row, and written to --out.

    Args:
        table: .csv or .parquet; a row without a score is a presentation without a response.
        column: where columns have other names: score=liveness label=is_live.
        higher: which presentations score higher in the table.
        policy: how the main threshold is set on dev: eer, or bpcer_at_apcer=0.05.
        threshold: of the system, on its scores; then no threshold is set.
        rule: instead, the calibration.json of facewarden calibrate, or a decision.json: its threshold is tested, and
            its probability where it has one.
        groups: table of groups of people, such as a manifest: key or subject, and attr_NAME; or london:PATH.
        simulated: say that the scores are of simulated captures.
        seed: of the bootstrap.
        form: html, markdown, pdf, or several.
        out: folder for the page, scores.json, decision.json and split.parquet.
    """
    check_path(table)
    check_path(rule)
    check_groups(groups)
    from facewarden.reporting.format import group_text, label, measured
    from facewarden.verbs.laboratory.scores import as_columns, evaluate_scores, threshold_lines

    result = evaluate_scores(
        table, column=as_columns(column), higher=higher, policy=policy, threshold=threshold,
        rule=rule, groups=groups, simulated=simulated,
        seed=seed, form=form, out=out,
    )  # fmt: skip
    lines = [result.how, *(f"not used {count}: {reason}" for reason, count in result.excluded.items())]
    for metric in result.metrics:
        if {"split", "threshold"} & set(metric.group):
            continue  # in the lines of thresholds
        where = group_text(metric.group)
        mark = ("  oracle" if metric.note.startswith("oracle") else "") + ("  simulated" if metric.simulated else "")
        lines.append(f"{label(metric.name) + (f' ({where})' if where else ''):<56} {measured(metric)}{mark}")
    for one in result.groups:
        fdr = next((held for held in one.found.measures if held.name == "fdr"), None)
        if fdr is not None and fdr.value is not None:
            told = f"FDR {fdr.value:.3f}, by chance {fdr.expected:.3f}, p = {fdr.p:.3f}"
            mark = "  simulated" if result.simulated else ""
            lines.append(f"{f'differentials by {one.attribute} ({one.species})':<56} {told}{mark}")
    lines += threshold_lines(result.metrics, result.thresholds)
    lines += [f"wrote {path}" for path in result.files]
    return Outcome(result, lines, problems=[f"warning: {text}" for text in result.warnings])


entry = scores
