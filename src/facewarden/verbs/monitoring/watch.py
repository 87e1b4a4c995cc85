"""What follows from the reports of a monitor: the page, the alerts that are due, and whether all is well."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.data.results import Result
from facewarden.reporting.codec import read_report
from facewarden.reporting.document import Report
from facewarden.reporting.gate import GateExpression, parse_gate
from facewarden.reporting.pages.document import PAGE_FORMS, PageForm
from facewarden.reporting.pages.write import write_page
from facewarden.reporting.trends.history import History, histories
from facewarden.reporting.trends.page import Failure, trend_page
from facewarden.reporting.trends.reference import DECIDING, MetricReference, parse_reference
from facewarden.verbs.monitoring.alerts import Alert, Webhook, failure_alert, gate_alerts
from facewarden.verbs.monitoring.reports import reports_below, without_copies
from facewarden.verbs.monitoring.state import MonitorState

_LOG = logging.getLogger("facewarden")
PAGE = "trend"


@dataclass(frozen=True, repr=False)
class MonitorResult(Result):
    """The state after the latest audit.

    Attributes:
        systems: title, name of the latest audit, and whether its gate passed (None without a gate), of each system.
        details: of the gates that failed, each comparison with its numbers.
        audits: how many reports the page has.
        files: what was written.
        sent: alerts that were taken.
        not_sent: why alerts were not taken; they are sent again with the next audit.
    """

    systems: tuple[tuple[str, str, bool | None], ...]
    details: tuple[str, ...]
    audits: int
    files: tuple[Path, ...]
    sent: tuple[str, ...] = ()
    not_sent: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether no gate failed, and no alert was lost."""
        return all(passed is not False for _, _, passed in self.systems) and not self.not_sent


@dataclass(frozen=True)
class Watch:
    """What a person chose to look at.

    Attributes:
        references: the metrics of the page.
        chosen: whether the person named them; else those that no audit has are left out.
        gate: applied to every report; None where the reports' own count.
        against: first or previous, or the folder of an audit.
        webhook: where alerts go.
        forms: of the page.
    """

    references: tuple[MetricReference, ...]
    chosen: bool
    gate: GateExpression | None
    against: str
    webhook: Webhook | None
    forms: tuple[PageForm, ...]

    def baseline(self) -> Report | None:
        """The audit that every report is compared with, where one was named."""
        return None if self.against in ("first", "previous") else read_report(Path(self.against).expanduser())[0]


def checked_watch(
    *, metric: Sequence[str], fail_on: str | None, against: str, webhook: str | None, form: Sequence[PageForm]
) -> Watch:
    """Check what to look at, before anything is measured.

    Raises:
        BadInputError: a metric, gate, address or form that cannot be used.
    """
    unknown = [one for one in form if one not in PAGE_FORMS]
    if unknown or not form:
        raise BadInputError(f"form {', '.join(unknown) or 'none'}", hint=f"--form {' '.join(PAGE_FORMS)}")
    references = tuple(parse_reference(text) for text in metric or DECIDING)
    gate = parse_gate(fail_on) if fail_on else None
    hook = None if webhook is None else Webhook(_address(webhook))
    watch = Watch(references, bool(metric), gate, against, hook, tuple(form))
    watch.baseline()
    return watch


def _address(webhook: str) -> str:
    """The address itself, or from the environment, where the list of processes does not show it."""
    scheme, _, name = webhook.partition(":")
    if scheme != "env":
        return webhook
    address = os.environ.get(name, "")
    if not address:
        raise BadInputError(f"--webhook: the environment has no {name[:60]!r}", hint=f"export {name[:60]}=https://…")
    return address


def look(
    folder: Path, out: Path, watch: Watch, *, state: MonitorState, ready: Sequence[str] | None = None
) -> tuple[MonitorResult, MonitorState]:
    """Read the reports of a folder, write the page, and send the alerts that are due.

    Args:
        folder: with the reports.
        out: folder of the page and of `monitor.json`.
        watch: what to look at.
        state: what was told before.
        ready: names of finished audits in the order in which they were made, where the monitor knows them; another one
            may still be written.

    Returns:
        The result, and the state with the alerts that were taken now.

    Raises:
        BadInputError: no report, or a metric or gate that does not fit them.
    """
    reports, unreadable = reports_below(folder)
    for one in unreadable:
        _LOG.warning("left out of the trend: %s", one)
    if ready is not None:
        reports = tuple(one for one in reports if one.name in ready)
    reports, copies = without_copies(reports)
    for one in copies:
        _LOG.warning("left out of the trend: %s", one)
    mode: Literal["first", "previous"] = "previous" if watch.against == "previous" else "first"
    systems = histories(reports, gate=watch.gate, against=mode, baseline=watch.baseline(), order=ready or ())
    failures = [Failure(one.name, f"{one.started:%Y-%m-%d %H:%M}", one.reason)
                for one in state.audits if one.status == "not made"]  # fmt: skip
    references = watch.references if watch.chosen else tuple(_measured(watch.references, systems))
    page = trend_page(
        systems, references, failures=failures, unreadable=unreadable, copies=copies, command=_command(folder, watch)
    )
    files = write_page(page, out, name=PAGE, forms=watch.forms)
    alerts = [alert for system in systems for alert in gate_alerts(system, references)]
    alerts += [failure_alert(failures[-1])] if failures and _is_latest(failures[-1], state) else []
    sent, not_sent, state = _send(alerts, watch, state)
    result = MonitorResult(
        systems=tuple((one.title, one.latest.name, None if one.latest.gate is None else not one.latest.failed)
                      for one in systems),
        details=tuple(one.latest.gate.detail for one in systems if one.latest.failed and one.latest.gate),
        audits=sum(len(one.points) for one in systems), files=files, sent=sent, not_sent=not_sent,
    )  # fmt: skip
    return result, state


def _is_latest(failure: Failure, state: MonitorState) -> bool:
    return state.last is not None and state.last.name == failure.name


def _measured(references: Sequence[MetricReference], systems: Sequence[History]) -> list[MetricReference]:
    """Those of the usual metrics that some report has."""
    found = []
    for one in references:
        for point in (point for system in systems for point in system.points):
            try:
                if one.metrics(point.report):
                    found.append(one)
                    break
            except BadInputError:  # this report has it not
                continue
    return found


def _send(
    alerts: Sequence[Alert], watch: Watch, state: MonitorState
) -> tuple[tuple[str, ...], tuple[str, ...], MonitorState]:
    sent, not_sent = [], []
    for alert in alerts:
        if watch.webhook is None or alert.key in state.sent:
            continue
        problem = watch.webhook.send(alert)
        if problem:
            _LOG.warning("the alert %s was not taken: %s", alert.event, problem)
            not_sent.append(f"{alert.event}: {problem}")
        else:
            sent.append(alert.event)
            state = state.with_sent(alert.key)
    return tuple(sent), tuple(not_sent), state


def _command(folder: Path, watch: Watch) -> str:
    words = ["facewarden", "monitor", str(folder)]
    words += ["--metric", *(one.text for one in watch.references)] if watch.chosen else []
    words += ["--fail-on", watch.gate.text] if watch.gate is not None else []
    words += ["--against", watch.against] if watch.against != "first" else []
    return shlex.join(words)
