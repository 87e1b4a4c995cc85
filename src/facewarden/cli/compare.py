"""Compare detectors, tables of scores, audits or runs on the same samples, and say which differences are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_detectors, check_device, check_path, check_sets
from facewarden.cli.parts.kinds import Captures, Device, Folder, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.core.errors import BadInputError

System = Annotated[str, "SYSTEM"]


def compare(
    systems: tuple[System, ...],
    /,
    *,
    captures: Captures | None = None,
    column: tuple[Setting, ...] = (),
    higher: Literal["bona_fide", "attack"] = "bona_fide",
    policy: str = "eer",
    threshold: tuple[float, ...] = (),
    seed: int = 0,
    device: Device = "auto",
    form: tuple[Literal["html", "markdown", "pdf"], ...] = ("html",),
    out: Folder | None = None,
) -> Outcome:
    """Compare systems with the first one, paired by sample, with intervals by subject of the differences themselves.

    Args:
        systems: two or more: tables of scores, folders with scores.parquet (audits, evaluations), reports of audits, or
            detectors, which need --captures.
        captures: captures that detectors score.
        column: where columns of tables have other names: score=liveness key=file.
        higher: which presentations score higher in the tables.
        policy: how the threshold of each system is set on dev: eer, or bpcer_at_apcer=0.05.
        threshold: of each system, in their order; then none is set.
        seed: of the bootstrap.
        device: where detectors compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        form: html, markdown, pdf, or several.
        out: folder for the page and comparison.json.
    """
    check_device(device)
    check_sets([captures])
    for name in systems:
        if captures is None or Path(name).suffix.lower() in (".csv", ".parquet", ".json"):
            check_path(Path(name))
        elif not Path(name).is_dir():
            check_detectors([name])
    if len(systems) < 2:
        raise BadInputError("a comparison needs two systems at least", hint="facewarden compare A.csv B.csv")
    from facewarden.evaluation.comparing.page import metric_words
    from facewarden.verbs.laboratory.compare import compare as run
    from facewarden.verbs.laboratory.scores import as_columns

    result = run(
        systems, captures=captures, column=as_columns(column), higher=higher, policy=policy, threshold=threshold,
        seed=seed, device=device, form=form, out=out,
    )  # fmt: skip
    mark = "  simulated" if result.simulated else ""
    lines = [*result.systems.how, *result.systems.remarks] if result.systems is not None else []
    for name, lost in zip(result.systems.names, result.systems.unanswered, strict=True) if result.systems else ():
        lines += [f"{name}: {lost} test rows without a score, in no figure of any system"] if lost else []
    for one in result.systems.differences if result.systems is not None else ():
        shown = f"better: {one.better}" if one.better else "not shown"
        sure = "" if not one.better or one.shown_among_all else ", not after Holm's correction"
        lines.append(
            f"{one.second + ': ' + metric_words(one.metric):<50} {one.first_value:.4f} -> {one.second_value:.4f}, "
            f"difference {one.value:+.4f} ({one.low:+.4f} to {one.high:+.4f}), n = {one.n}; {shown}{sure}{mark}"
        )
    for name, changes in result.reports:
        lines += [
            f"{name}: {one.section}.{one.new.label} {one.verdict}: {one.old.value:.4g} -> {one.new.value:.4g}"
            for one in changes.metrics
            if one.verdict in ("worse", "better")
        ]
        lines += [f"{name}: not the same: {one.what}: {one.old} -> {one.new}" for one in changes.conditions]
        silent = sum(one.verdict not in ("worse", "better") for one in changes.metrics)
        lines.append(f"{name}: {silent} metrics of the audit without a change that is shown")
    lines += [f"wrote {path}" for path in result.files]
    return Outcome(result, lines)


entry = compare
