"""Measure comparison scores of a recognizer by groups of people."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_groups, check_path
from facewarden.cli.parts.kinds import Folder, Setting
from facewarden.cli.parts.outcome import Outcome


def comparisons(
    table: Path,
    /,
    *,
    groups: Path | None = None,
    column: tuple[Setting, ...] = (),
    threshold: float | None = None,
    fmr: float = 0.001,
    simulated: bool = False,
    seed: int = 0,
    form: tuple[Literal["html", "markdown", "pdf"], ...] = ("html",),
    out: Folder | None = None,
) -> Outcome:
    """Measure comparison scores: FMR and FNMR, and how far they lie apart between groups of people.

    Args:
        table: .csv or .parquet with score (higher = more alike), same, subject_a, subject_b, and perhaps split.
        groups: table with subject and attr_NAME, such as attr_sex; or london:PATH.
        column: where columns have other names: score=similarity.
        threshold: of the system; else it is set on split dev.
        fmr: highest FMR on dev for which the threshold is set.
        simulated: say that the photos are rendered.
        seed: of permutations and of the bootstrap.
        form: html, markdown, pdf, or several.
        out: folder for the page and comparisons.json.
    """
    check_path(table)
    check_groups(groups)
    from facewarden.evaluation.score_file.groups_page import rate_words
    from facewarden.verbs.laboratory.comparisons import evaluate_comparisons
    from facewarden.verbs.laboratory.scores import as_columns

    result = evaluate_comparisons(
        table, groups=groups, column=as_columns(column), threshold=threshold, fmr=fmr, simulated=simulated, seed=seed,
        form=form, out=out,
    )  # fmt: skip
    mark = "  simulated" if result.simulated else ""
    lines = [f"threshold {result.threshold:.5g}: {result.source}{mark}"]
    lines += [f"{name:<6} {rate_words(rate)}{mark}" for name, rate in (("FMR", result.fmr), ("FNMR", result.fnmr))]
    for name, found in result.groups.items():
        lines += [f"{name} {group}: FMR {rate_words(rates[0])}; FNMR {rate_words(rates[1])}{mark}"
                  for group, rates in found.rates.items()]  # fmt: skip
        lines += [f"{name}: {one.name} {one.value:.3f}, by chance {one.expected:.3f}, p = {one.p:.3f}{mark}"
                  for one in found.measures if one.value is not None and one.expected is not None]  # fmt: skip
    lines += [f"{result.no_score} tested pairs without a score, in no rate"] if result.no_score else []
    lines += [f"warning: {told}" for told in result.warnings]
    lines += [f"wrote {path}" for path in result.files]
    return Outcome(result, lines)


entry = comparisons
