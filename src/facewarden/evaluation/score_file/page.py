"""The page of a measured table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facewarden.evaluation.score_file.measure import MeasuredScores, Threshold
from facewarden.metrics.summary import NamedInterval
from facewarden.reporting.document import Figure, Metric, Table
from facewarden.reporting.format import label, measured, plain
from facewarden.reporting.named import as_metric
from facewarden.reporting.pages.document import Chapter, Page

ORACLE = "oracle: the threshold is set on the rows that are measured"


def score_metrics(found: MeasuredScores, *, simulated: bool) -> tuple[Metric, ...]:
    """Every figure: the main threshold's first, then responses, other thresholds, and the ranking."""
    main, *others = found.thresholds

    def of(rates: Sequence[NamedInterval], **group: str) -> list[Metric]:
        return [as_metric(one, simulated=simulated, group=group) for one in rates]

    metrics = sorted(of(main.test), key=_first)
    metrics += of(found.responses)
    metrics += of(main.dev, split="dev")
    for one in others:
        for split, rates in (("test", one.test), ("dev", one.dev)):
            metrics += [m for m in of(rates, threshold=one.policy, split=split) if m.name in _SIDE_BY_SIDE]
    for rate in found.ranking:
        held = as_metric(rate, simulated=simulated)
        if held.name.startswith("bpcer"):
            note = "; ".join(part for part in (ORACLE, held.note) if part)
            held = Metric(held.name, held.value, held.low, held.high, held.n, simulated, "%", held.group, note)
        metrics.append(held)
    return tuple(metrics)


def scores_page(
    found: MeasuredScores, *, title: str, command: str, simulated: bool, provenance: Mapping[str, Any],
    more: Sequence[Chapter] = (),
) -> Page:  # fmt: skip
    """The page of a table of scores.

    Args:
        found: what was measured.
        title: of the page.
        command: that makes it again.
        simulated: whether the rows are of simulated captures.
        provenance: versions.
        more: chapters between the curves and the responses, such as demographic differentials.
    """
    test = found.parts.test
    people = "unknown" if test.subject is None else str(np.unique(test.subject.codes).size)
    return Page(
        kicker="Scores of a detector",
        title=title,
        summary=_summary(found),
        facts=(
            f"{len(test):,} presentations tested",
            f"{int(test.bona_fide.sum()):,} bona fide",
            f"{int((~test.bona_fide).sum()):,} attacks of {len(found.curves) - (len(found.curves) > 1)} species",
            f"subjects: {people}",
        ),
        warnings=found.warnings,
        chapters=(
            *threshold_chapters(found, simulated=simulated),
            _species(found, simulated=simulated),
            curves_chapter(found),
            *more,
            _responses(found, simulated=simulated),
            _oracle(found, simulated=simulated),
            _terms(),
        ),
        command=command,
        provenance=provenance,
        simulated=simulated,
    )


_FIRST = ("apcer_worst_species", "bpcer", "acer_worst_species", "apcer")
_SIDE_BY_SIDE = ("apcer_worst_species", "bpcer", "apcer_pooled")


def _first(metric: Metric) -> int:
    return _FIRST.index(metric.name) if metric.name in _FIRST else len(_FIRST)


def _rate(rates: Sequence[NamedInterval], name: str) -> str:
    found = next((one for one in rates if one.name == name), None)
    return "–" if found is None else measured(as_metric(found, simulated=False))


def _policy(one: Threshold) -> str:
    name, _, target = one.policy.partition("=")
    words = {"eer": "EER", "given": "given"}
    over = {"bpcer_at_worst_apcer": "worst species", "bpcer_at_pooled_apcer": "species pooled"}
    return words.get(name) or f"APCER ≤ {float(target) * 100:g} %, {over[name]}"


def _summary(found: MeasuredScores) -> str:
    main = found.thresholds[0]
    weakest = max((one for one in main.test if one.name.startswith("apcer/")), key=lambda one: one.value)
    where = main.where if main.rule is None else f"set on dev ({_policy(main)})"
    return (
        f"At the threshold {main.value:.4g}, {where}, {_rate(main.test, 'bpcer')} of bona fide presentations are "
        f"rejected; of the species that passes most often, {plain(weakest.name.removeprefix('apcer/'))}, "
        f"{measured(as_metric(weakest, simulated=False))} are accepted."
    )


def threshold_chapters(found: MeasuredScores, *, simulated: bool) -> list[Chapter]:
    """Thresholds with their rates on dev and on test side by side."""
    rows = tuple(
        (
            _policy(one) + (" (main)" if index == 0 and len(found.thresholds) > 1 else ""), f"{one.value:.5g}",
            _rate(one.dev, "apcer_worst_species"), _rate(one.test, "apcer_worst_species"),
            _rate(one.dev, "bpcer"), _rate(one.test, "bpcer"),
        )
        for index, one in enumerate(found.thresholds)
    )  # fmt: skip
    columns = ("Set for", "Threshold", "APCER dev", "APCER test", "BPCER dev", "BPCER test")
    note = (
        "APCER: of the worst species. What dev shows is what the threshold was chosen for; only the rates on test say "
        "what to expect."
    )
    kept = [f"{reason}: {count:,} rows" for reason, count in found.parts.excluded.items()]
    repeated = found.parts.test.repeated
    kept += [f"rows that repeat an earlier one: {repeated:,}"] if repeated else []
    text = [found.parts.how, *([f"Not used: {'; '.join(kept)}."] if kept else [])]
    table = Table("Thresholds from dev and their rates on test", columns, rows, note, simulated)
    return [Chapter("thresholds", "Thresholds", tuple(text), (table,))]


def _species(found: MeasuredScores, *, simulated: bool) -> Chapter:
    main = found.thresholds[0]
    by = sorted((one for one in main.test if one.name.startswith("apcer/")), key=lambda one: -one.value)
    lost = {one.name: one for one in found.responses}
    rows = tuple(
        (
            plain(name), measured(as_metric(one, simulated=False)),
            _rate([lost[f"apnrr/{name}"]], f"apnrr/{name}"),
        )
        for one in by
        if (name := one.name.removeprefix("apcer/"))
    )  # fmt: skip
    text = (
        "The APCER is reported for each PAI species and never averaged over them; the worst one counts. Presentations "
        "without a response are in no APCER or BPCER; their share is the APNRR.",
    )
    table = Table("Attacks accepted, by species", ("PAI species", "APCER", "APNRR"), rows, "", simulated)
    return Chapter("species", "Species", text, (table,))


def curves_chapter(found: MeasuredScores) -> Chapter:
    """DET curves and a histogram of scores for each species."""
    marks = [
        {
            "name": _policy(one), "x": a.value, "xlow": a.low, "xhigh": a.high, "y": b.value, "ylow": b.low,
            "yhigh": b.high,
        }
        for one in found.thresholds
        for a in one.test if a.name == "apcer_worst_species"
        for b in one.test if b.name == "bpcer"
    ]  # fmt: skip
    series = [
        {"name": plain(name), "x": curve.apcer.tolist(), "y": curve.bpcer.tolist(), "n": curve.n}
        for name, curve in found.curves.items()
    ]
    edges, counts = found.histogram
    main = found.thresholds[0]
    det = Figure(
        "det", "Detection error trade-off", {"series": series, "marks": marks},
        alt="BPCER against APCER over all thresholds, a line for each PAI species; marks show the thresholds of dev "
        "with the APCER of the worst species.",
    )  # fmt: skip
    rows = [
        {"name": plain(name), "counts": found_counts.tolist(), "bona_fide": name == "bona fide"}
        for name, found_counts in counts.items()
    ]
    ridges = Figure(
        "ridges", "Scores by species",
        {
            "edges": edges.tolist(), "rows": rows, "xlabel": "score (higher = more bona fide)",
            "threshold": main.value, "threshold_label": "threshold",
        },
        alt="A histogram of the scores of bona fide presentations and of each PAI species, with the threshold.",
        note="The outermost bins hold what lies beyond them.",
    )  # fmt: skip
    return Chapter("curves", "Curves", figures=(det, ridges))


def _responses(found: MeasuredScores, *, simulated: bool) -> Chapter:
    rows = tuple(
        (
            "bona fide" if one.name == "bpnrr" else plain(one.name.removeprefix("apnrr/")),
            "BPNRR" if one.name == "bpnrr" else "APNRR", measured(as_metric(one, simulated=False)),
        )
        for one in found.responses
    )  # fmt: skip
    tables = [Table("Presentations without a response", ("Of", "Rate", "Measured"), rows, "", simulated)]
    if found.reasons:
        reasons = tuple(sorted(found.reasons.items(), key=lambda item: -item[1]))
        tables.append(Table("Reasons", ("Reason", "Presentations"), reasons, "", simulated))
    return Chapter("responses", "Non-responses", tables=tuple(tables))


def _oracle(found: MeasuredScores, *, simulated: bool) -> Chapter:
    metrics = [as_metric(one, simulated=False) for one in found.ranking]
    rows = tuple((label(one.name), measured(one), one.note) for one in metrics)
    text = (
        "These figures describe how the scores rank the test rows. Their thresholds are chosen on the rows that are "
        "measured (oracle), so no system in use reaches a BPCER at an APCER of this table with certainty; the table of "
        "thresholds above is what was reached.",
    )
    return Chapter("oracle", "Oracle figures", text, (Table("", ("Figure", "Measured", "Note"), rows, "", simulated),))


def _terms() -> Chapter:
    rows = (
        ("APCER", "share of the attack presentations of one PAI species that is accepted"),
        ("BPCER", "share of bona fide presentations that is rejected"),
        ("APNRR, BPNRR", "share of attack presentations of a species, of bona fide ones, without a response"),
        ("EER", "where pooled APCER and BPCER are equal"),
        ("interval", "95 %, by subject: Clopper-Pearson on the effective sample, or a bootstrap of subjects"),
    )
    return Chapter("terms", "Terms", ("After ISO/IEC 30107-3.",), (Table("", ("Term", "Meaning"), rows),))
