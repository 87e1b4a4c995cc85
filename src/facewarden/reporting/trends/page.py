"""The page of a trend: the gate's history, a curve and a table for each chosen metric, and what changed in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from facewarden.core.errors import BadInputError
from facewarden.reporting.changes import metric_change
from facewarden.reporting.document import SECTIONS, Figure, Metric, Table
from facewarden.reporting.format import interval, measured, number, plain
from facewarden.reporting.pages.document import Chapter, Page
from facewarden.reporting.trends.history import AuditPoint, History, changed_conditions
from facewarden.reporting.trends.reference import MetricReference

_SPACE = "\u00a0"  # a date and its time stay on one line
LINES, ROWS, TICKS = 6, 60, 5
"""Lines of one figure, rows of one table, dates below a figure: more cannot be read."""


@dataclass(frozen=True)
class Failure:
    """An audit that could not be made.

    Attributes:
        name: of its folder.
        moment: when it was started, as text.
        reason: the error.
    """

    name: str
    moment: str
    reason: str


def trend_page(
    systems: Sequence[History],
    references: Sequence[MetricReference],
    *,
    failures: Sequence[Failure] = (),
    unreadable: Sequence[str] = (),
    copies: Sequence[str] = (),
    command: str = "",
) -> Page:
    """Make the page of one or several histories.

    Args:
        systems: at least one history.
        references: the chosen metrics.
        failures: audits that could not be made.
        unreadable: files that are no report, with the reason.
        copies: reports that were left out since they are there already.
        command: that makes the page again.

    Raises:
        BadInputError: no report has one of the metrics.
    """
    points = [point for one in systems for point in one.points]
    simulated = any(section.simulated for point in points for section in point.report.sections)
    chapters = [_audits(systems)]
    chapters += [_metric(number, one, systems) for number, one in enumerate(references)]
    chapters += _changes(systems)
    if failures:
        rows = tuple((one.moment, one.name, one.reason) for one in reversed(failures))[:ROWS]
        table = Table("Audits that could not be made", ("Started (UTC)", "Folder", "Reason"), rows)
        chapters.append(Chapter("failures", "Audits that could not be made", tables=(table,)))
    first, last = min(point.moment for point in points), max(point.moment for point in points)
    return Page(
        kicker="Monitoring",
        title=systems[0].title if len(systems) == 1 else f"{len(systems)} audited systems",
        summary=" ".join(map(_summary, systems)),
        facts=(f"{len(points)} audits", f"{_moment(first)} to {_moment(last)} UTC", f"{len(failures)} not made"),
        chapters=tuple(chapters),
        warnings=(*(f"Not read: {one}" for one in unreadable), *(f"Left out: {one}" for one in copies)),
        command=command,
        simulated=simulated,
    )


def _summary(system: History) -> str:
    latest, gated = system.latest, [one for one in system.points if one.gate is not None]
    head = f"{system.title}: " if not gated else f"{system.title}: the gate "
    if not gated:
        return f"{head}{len(system.points)} audits, without a gate."
    passed = sum(not one.failed for one in gated)
    since = system.failing_since
    state = "passed" if since is None else "FAILED"
    tail = "" if since is None else f" and has failed since {_moment(since.moment)} UTC"
    return f"{head}{state} in the latest audit ({_moment(latest.moment)} UTC){tail}; {passed} of {len(gated)} passed."


def _audits(systems: Sequence[History]) -> Chapter:
    several = len(systems) > 1
    dated = sorted(((point, one.title) for one in systems for point in one.points), key=lambda pair: pair[0].moment)
    head = ("Made (UTC)", *(("System",) if several else ()))
    rows, failed = [], []
    for point, title in reversed(dated):
        first = (_moment(point.moment), *((title,) if several else ()))
        gate = "–" if point.gate is None else "passed" if point.gate.passed else "FAILED"
        rows.append((*first, *(section.grade or "–" for section in point.report.sections), gate, point.name))
        if point.gate is not None and not point.gate.passed:
            failed.append((*first, point.gate.detail))
    expressions = sorted({point.gate.expression for point, _ in dated if point.gate is not None})
    text = tuple(f"The gate fails when this is true: {one}" for one in expressions)
    grades = (*(plain(name).capitalize() for name in SECTIONS), "Gate", "Folder")
    tables = [Table("Grades and gate of each audit", (*head, *grades), tuple(rows[:ROWS]), _older(len(rows)))]
    if failed:
        columns = (*head, "Comparisons of the gate")
        tables.append(Table("Audits whose gate failed", columns, tuple(failed[:ROWS]), _older(len(failed))))
    return Chapter("audits", "Audits", text, tuple(tables))


def _older(count: int) -> str:
    return f"{count - ROWS} older ones are not shown; the curves have all audits." if count > ROWS else ""


def _metric(index: int, reference: MetricReference, systems: Sequence[History]) -> Chapter:
    lines = _lines(reference, systems)
    if not lines:
        reason = f"{reference.text}: its section was not measured in any of these audits."
        return Chapter(f"metric-{index + 1}", reference.title, (reason,), status="not measured")
    drawn = sorted(lines, key=lambda name: -lines[name][-1][1].value)[:LINES]
    drawn = [name for name in lines if name in drawn]
    simulated = any(metric.simulated for found in lines.values() for _, metric in found)
    table = Table(
        "First and latest audit",
        ("Line", "First", "Latest", "Difference", "Shown", "Range", "Audits"),
        tuple(_row(name, lines[name], reference) for name in lines),
        "The bounds of the difference take both audits as independent; on the same samples they are rather too wide. "
        "“Shown”: the whole interval of the difference lies on one side.",
        simulated,
    )
    left = len(lines) - len(drawn)
    note = f"The {LINES} lines with the highest latest value; {left} others are in the table." if left > 0 else ""
    figure = Figure("curves", reference.title, _data(drawn, lines), _alt(reference, drawn, lines), note, simulated)
    return Chapter(f"metric-{index + 1}", reference.title, (), (table,), (figure,),
                   status="simulated" if simulated else "measured")  # fmt: skip


def _lines(reference: MetricReference, systems: Sequence[History]) -> dict[str, list[tuple[AuditPoint, Metric]]]:
    """Name of a line -> its audits with their number; an audit without the metric is a gap."""
    lines: dict[str, list[tuple[AuditPoint, Metric]]] = {}
    problem: BadInputError | None = None
    for system in systems:
        head = f"{system.title}: " if len(systems) > 1 else ""
        for point in system.points:
            try:
                found = reference.metrics(point.report)
            except BadInputError as error:  # older versions measured less
                problem = BadInputError(f"{point.name}: {error.message.removeprefix('gate: ')}", hint=error.hint)
                continue
            for name, metric in found:
                lines.setdefault(f"{head}{name}", []).append((point, metric))
    if not lines and problem is not None:
        raise problem
    return lines


def _data(drawn: Sequence[str], lines: dict[str, list[tuple[AuditPoint, Metric]]]) -> dict[str, object]:
    moments = [point.moment for name in drawn for point, _ in lines[name]]
    start = min(moments)
    series = []
    for name in drawn:
        found = lines[name]
        one = {"name": name, "x": [_days(point.moment, start) for point, _ in found],
               "y": [metric.value for _, metric in found], "n": found[-1][1].n}  # fmt: skip
        ends = [(metric.low, metric.high) for _, metric in found]
        if all(low is not None for low, _ in ends):
            one |= {"low": [low for low, _ in ends], "high": [high for _, high in ends]}
        series.append(one)
    unit = lines[drawn[0]][0][1].unit
    return {"series": series, "percent": unit == "%", "fit": True, "xlabel": "time of the audit (UTC)",
            "ylabel": "" if unit == "%" else unit, "xticks": _ticks(moments)}  # fmt: skip


def _ticks(moments: Sequence[datetime]) -> list[list[float | str]]:
    """A few of the times, far enough apart to be read, with the date, or the time of the day within two days."""
    ordered = sorted(set(moments))
    start, span = ordered[0], _days(ordered[-1], ordered[0])
    form = "%d %b %H:%M" if span < 2 else "%Y-%m-%d"
    kept: list[datetime] = []
    for moment in ordered:
        if not kept or _days(moment, kept[-1]) >= span / TICKS:
            kept.append(moment)
    return [[_days(moment, start), f"{moment:{form}}"] for moment in kept]


def _row(name: str, found: Sequence[tuple[AuditPoint, Metric]], reference: MetricReference) -> tuple[str | int, ...]:
    old, new = found[0][1], found[-1][1]
    values = [metric.value for _, metric in found]
    difference, shown = "–", "no"
    if len(found) > 1:
        change = metric_change(reference.section, old, new)
        difference = f"{'+' if change.difference > 0 else ''}{number(change.difference, unit=new.unit)}"
        if change.low is not None and change.high is not None:
            difference += f" ({interval(change.low, change.high, unit=new.unit, like=change.difference)})"
        shown = change.verdict if change.verdict in ("worse", "better") else "no"
    span = f"{number(min(values), unit=new.unit)} to {number(max(values), unit=new.unit)}"
    return name, measured(old), measured(new), difference, shown, span, len(found)


def _alt(reference: MetricReference, drawn: Sequence[str], lines: dict[str, list[tuple[AuditPoint, Metric]]]) -> str:
    told = [f"{name} from {measured(lines[name][0][1])} to {measured(lines[name][-1][1])}" for name in drawn]
    return f"Curves over time of {reference.title}: {'; '.join(told)}."


def _changes(systems: Sequence[History]) -> list[Chapter]:
    rows = [
        (_moment(point.moment), *((system.title,) if len(systems) > 1 else ()), what, before, now)
        for system in systems
        for point, what, before, now in changed_conditions(system.points)
    ]
    if not rows:
        return []
    columns = ("From the audit of", *(("System",) if len(systems) > 1 else ()), "What", "Before", "Now")
    text = (
        "Numbers before and after another data set, preset or seed are not of the same samples; another hash of a "
        "model is another model.",
    )
    table = Table("Changes between audits", columns, tuple(reversed(rows))[:ROWS])
    return [Chapter("conditions", "What else changed", text, (table,))]


def _days(moment: datetime, start: datetime) -> float:
    return (moment - start).total_seconds() / 86400


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}".replace(" ", _SPACE)
