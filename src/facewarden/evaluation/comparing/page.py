"""The page that compares systems, or audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facewarden.evaluation.comparing.differences import ComparedSystems, Difference
from facewarden.reporting.changes import Changes
from facewarden.reporting.changes_tables import changes_tables
from facewarden.reporting.document import Figure, Table
from facewarden.reporting.format import interval, label, number, plain
from facewarden.reporting.pages.document import Chapter, Page

_COLUMNS = ("Figure", "{first}", "{second}", "Difference (95 %)", "n", "Better, as shown", "p (Holm)")


def systems_page(
    found: ComparedSystems, *, command: str, simulated: bool, provenance: Mapping[str, Any],
    reports: Sequence[tuple[str, Changes]] = (),
) -> Page:  # fmt: skip
    """The page of compared systems.

    Args:
        found: thresholds and differences.
        command: that makes it again.
        simulated: whether scores are of simulated captures.
        provenance: versions.
        reports: name of a system -> what its audit says otherwise than the first one's.
    """
    first = found.names[0]
    chapters = []
    for index, name in enumerate(found.names[1:]):
        some = [one for one in found.differences if one.second == name]
        chapters.append(
            Chapter(
                f"system-{index + 1}", f"{name} beside {first}", (difference_words(some),),
                (_table(some, first, name, simulated=simulated),), (_dots(some, first, name),),
            )
        )  # fmt: skip
    rows = tuple(
        (name, policy, f"{value:.5g}", lost)
        for name, (policy, value), lost in zip(found.names, found.rules, found.unanswered, strict=True)
    )
    columns = ("System", "Threshold set for", "Threshold", "Test rows without a response")
    how = (
        *found.how,
        *found.remarks,
        "Every figure is computed for both systems on the same presentations, and the interval is of the difference "
        "itself: subjects are drawn with replacement, with all their presentations. Rows that a system did not answer "
        "are in no figure of any.",
        "“Better, as shown” names a system where the whole interval lies on its side. Where many figures are looked "
        "at, some differ by chance: p is corrected for all figures of a comparison (Holm).",
    )
    chapters.append(Chapter("how", "How it was compared", how, (Table("Systems", columns, rows, "", simulated),)))
    chapters += [_report(index, name, changes) for index, (name, changes) in enumerate(reports)]
    people = f"{found.subjects} subjects" if found.subjects else "subjects unknown: intervals take rows as independent"
    return Page(
        kicker="Comparison",
        title=f"{first} and {', '.join(found.names[1:])}",
        summary=difference_words(found.differences),
        facts=(f"{found.n:,} presentations that all systems answered", people),
        chapters=tuple(chapters),
        command=command,
        provenance=provenance,
        simulated=simulated,
    )


def reports_page(named: Sequence[tuple[str, Changes]], *, first: str, command: str, simulated: bool) -> Page:
    """The page of audits that cannot be paired by sample.

    Args:
        named: name of an audit -> what it says otherwise than the first.
        first: name of the first.
        command: that makes it again.
        simulated: whether metrics are of simulated captures.
    """
    worse = sum(one.verdict == "worse" for _, changes in named for one in changes.metrics)
    better = sum(one.verdict == "better" for _, changes in named for one in changes.metrics)
    return Page(
        kicker="Comparison of audits",
        title=f"{first} and {', '.join(name for name, _ in named)}",
        summary=f"{worse} metrics are shown to be worse than in {first}, {better} to be better.",
        facts=(f"{len(named) + 1} audits",),
        chapters=tuple(_report(index, name, changes) for index, (name, changes) in enumerate(named)),
        command=command,
        simulated=simulated,
    )


def difference_words(found: Sequence[Difference]) -> str:
    """Which differences are shown, in a sentence or two."""
    shown = [one for one in found if one.better]
    if not shown:
        return f"None of {len(found)} differences is shown: every interval holds zero."
    sure = [one for one in shown if one.shown_among_all]
    words = "; ".join(f"{metric_words(one.metric)}: {one.better}" for one in (sure or shown)[:6])
    more = len(sure or shown) - 6
    kept = f"{len(sure)} also when all of them are looked at (Holm)" if sure else "none of them after Holm's correction"
    return f"{len(shown)} of {len(found)} differences are shown, {kept}. Better in {words}" + (
        f"; and {more} more." if more > 0 else "."
    )


def metric_words(name: str) -> str:
    """The name of a figure for display."""
    base, _, species = name.partition("/")
    return label(base) + (f" ({plain(species)})" if species else "")


def _table(found: Sequence[Difference], first: str, second: str, *, simulated: bool) -> Table:
    rows = tuple(
        (
            metric_words(one.metric), _value(one, one.first_value), _value(one, one.second_value),
            f"{'+' if one.value > 0 else ''}{_value(one, one.value)} "
            f"({interval(one.low, one.high, unit=_unit(one), like=one.value)})",
            one.n, one.better or "not shown", f"{one.holm:.3f}",
        )
        for one in found
    )  # fmt: skip
    columns = tuple(name.format(first=first, second=second) for name in _COLUMNS)
    return Table(f"{second} less {first}", columns, rows, "", simulated)


def _dots(found: Sequence[Difference], first: str, second: str) -> Figure:
    rows = [
        {"name": metric_words(one.metric), "value": one.value, "low": one.low, "high": one.high, "n": one.n}
        for one in found
        if one.metric != "auc"
    ]
    return Figure(
        "interval_dots", f"Error rates of {second} less those of {first}",
        {"rows": rows, "percent": True, "xlabel": f"left of 0: {second} has fewer errors"},
        alt=f"Differences of error rates between {second} and {first} with their 95 % intervals.",
    )  # fmt: skip


def _report(index: int, name: str, changes: Changes) -> Chapter:
    text = (f"Both reports metric by metric, as independent measurements; {changes.old_title} is “before”.",)
    return Chapter(f"report-{index + 1}", f"Audit of {name}", text, tuple(changes_tables(changes)))


def _unit(one: Difference) -> str:
    return "" if one.metric == "auc" else "%"


def _value(one: Difference, value: float) -> str:
    return number(value, unit=_unit(one))
