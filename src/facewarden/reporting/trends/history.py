"""Audits of one system in the order in which they were made, with the gate applied to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.reporting.changes import changes_between
from facewarden.reporting.document import Gate, Report
from facewarden.reporting.gate import GateExpression

Baseline = Literal["first", "previous"]


@dataclass(frozen=True)
class NamedReport:
    """A report and the name of its folder."""

    name: str
    report: Report


@dataclass(frozen=True)
class AuditPoint:
    """One audit of a history.

    Attributes:
        name: of its folder.
        moment: when it was made, in UTC.
        report: what was measured.
        gate: its outcome; None where there is no gate.
    """

    name: str
    moment: datetime
    report: Report
    gate: Gate | None

    @property
    def failed(self) -> bool:
        """Whether its gate failed."""
        return self.gate is not None and not self.gate.passed


@dataclass(frozen=True)
class History:
    """Audits of one system, in the order in which they were made.

    Attributes:
        title: of its reports, which tells systems apart.
        points: at least one.
    """

    title: str
    points: tuple[AuditPoint, ...]

    @property
    def latest(self) -> AuditPoint:
        """The youngest audit."""
        return self.points[-1]

    @property
    def failing_since(self) -> AuditPoint | None:
        """The first of the audits that have failed without one that passed in between; None while the last passed."""
        since = None
        for point in reversed(self.points):
            if not point.failed:
                break
            since = point
        return since


def histories(
    reports: Iterable[NamedReport],
    *,
    gate: GateExpression | None = None,
    against: Baseline = "first",
    baseline: Report | None = None,
    order: Sequence[str] = (),
) -> tuple[History, ...]:
    """Order reports by time, one history for each title, and apply a gate to each report.

    Args:
        reports: any number.
        gate: applied to each; without one, the outcome that stands in a report counts.
        against: for `regressed(...)`: each report is compared with the first or with the previous one of its history.
        baseline: compared with instead.
        order: names of all reports in the order in which they were made, where that is known: a clock may have been set
            back in between.

    Raises:
        BadInputError: a time that cannot be read, or a gate that does not fit a report.
    """
    by_title: dict[str, list[tuple[datetime, NamedReport]]] = {}
    for one in reports:
        by_title.setdefault(one.report.title, []).append((moment_of(one), one))
    made = []
    places = {name: place for place, name in enumerate(order)}
    for title, dated in sorted(by_title.items()):
        dated.sort(key=lambda pair: (places.get(pair[1].name, -1), pair[0], pair[1].name))
        points = []
        for index, (moment, one) in enumerate(dated):
            before = dated[0 if against == "first" else max(index - 1, 0)][1].report if baseline is None else baseline
            points.append(AuditPoint(one.name, moment, one.report, _outcome(one, before, gate)))
        made.append(History(title, tuple(points)))
    return tuple(made)


def _outcome(one: NamedReport, before: Report, gate: GateExpression | None) -> Gate | None:
    if gate is None:
        return one.report.gate
    try:
        return gate.evaluate(one.report, changes_between(before, one.report))
    except BadInputError as error:
        raise BadInputError(f"{one.name}: {error.message}", hint=error.hint) from error


def moment_of(one: NamedReport) -> datetime:
    """When a report was made.

    Raises:
        BadInputError: it states no time.
    """
    try:
        moment = datetime.fromisoformat(one.report.created)
    except ValueError:
        raise BadInputError(
            f"{one.name}: created is {one.report.created[:40]!r}, which is no time", hint="such as 2026-01-31T12:00:00Z"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def conditions(report: Report) -> dict[str, str]:
    """What must stay the same for numbers of two audits to be comparable, as name -> value."""
    held = {"preset": report.preset, "seed": str(report.seed)}
    packages = report.provenance.get("packages")
    version = packages.get("facewarden") if isinstance(packages, dict) else None
    held["facewarden"] = str(version or "unknown")
    for part in report.parts:
        told = ", ".join(f"{file} {digest[:12]}" for file, digest in sorted(part.sha256.items()))
        held[f"{part.role} {part.name}"] = told or "no file"
    return held


def changed_conditions(points: Sequence[AuditPoint]) -> list[tuple[AuditPoint, str, str, str]]:
    """Each audit with another version, data set or model than the one before it.

    Returns:
        Audit, what changed, before, now.
    """
    found = []
    for earlier, later in pairwise(points):
        old, new = conditions(earlier.report), conditions(later.report)
        for name in {**old, **new}:
            before, now = old.get(name, "absent"), new.get(name, "absent")
            if before != now:
                found.append((later, name, before, now))
    return found
