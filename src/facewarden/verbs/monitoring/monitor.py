"""Watch a system over time: audits on a schedule, the trend of chosen metrics, and alerts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.resolve import DetectorLike, RecognizerLike
from facewarden.evaluation.verdicts.default_detector import choose_detector
from facewarden.reporting.html import JSON
from facewarden.reporting.pages.document import PageForm
from facewarden.verbs.audit import audit
from facewarden.verbs.monitoring.schedule import STAMP, next_due, now_utc, parse_interval
from facewarden.verbs.monitoring.state import MonitoredAudit, read_state
from facewarden.verbs.monitoring.watch import MonitorResult, Watch, checked_watch, look

_LOG = logging.getLogger("facewarden")
_NAP = 30.0  # seconds: a clock that is set anew is noticed


@dataclass(frozen=True)
class AuditOptions:
    """The options that each audit of a monitor is made with; they are those of `facewarden.audit`."""

    detector: DetectorLike = "auto"
    recognizer: RecognizerLike = "mobilefacenet_512"
    surrogate: RecognizerLike | Sequence[RecognizerLike] = ()
    faces: PathLike | None = None
    captures: PathLike | None = None
    preset: Literal["quick", "standard", "thorough"] = "standard"
    policy: str = "eer"
    seed: int = 0
    device: str = "auto"
    precision: Precision | None = None
    workers: int = 0

    def run(self, folder: Path) -> None:
        """Make one audit, or finish it."""
        choice = choose_detector(self.detector, self.captures)
        for earlier in (folder, *_latest_report(folder.parent)):
            choice.refuse_other_run(earlier)
        options: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        audit(**options | {"detector": choice.detector}, out=folder, resume=True)

    def given(self) -> list[str]:
        """Names of those that are not at their defaults."""
        usual = AuditOptions()
        return [one.name for one in fields(self) if getattr(self, one.name) != getattr(usual, one.name)]


def _latest_report(audits: Path) -> list[Path]:
    """The folder of the latest finished audit, or none."""
    return sorted(path.parent for path in audits.glob(f"*/{JSON}"))[-1:]


@locking
def monitor(
    reports: PathLike | None = None,
    /,
    *,
    detector: DetectorLike = "auto",
    recognizer: RecognizerLike = "mobilefacenet_512",
    surrogate: RecognizerLike | Sequence[RecognizerLike] = (),
    faces: PathLike | None = None,
    captures: PathLike | None = None,
    preset: Literal["quick", "standard", "thorough"] = "standard",
    policy: str = "eer",
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    every: str = "1d",
    once: bool = False,
    metric: str | Sequence[str] = (),
    fail_on: str | None = None,
    against: str = "first",
    webhook: str | None = None,
    form: Sequence[PageForm] = ("html", "markdown"),
    out: PathLike = "runs/monitor",
) -> MonitorResult:
    """Audit a system again and again, write the trend of its numbers, and tell when a gate fails.

    Args:
        reports: folder with reports of finished audits: the page is made of them, and nothing is audited.
        detector, recognizer, surrogate, faces, captures, preset, policy, seed, device, precision, workers: of each
            audit, as in `audit`. The seed stays the same, so that each audit asks the same questions. Where no detector
            is named, an audit is not made that would take another one than the last.
        every: from the start of an audit to the start of the next one: 30m, 6h, 1d.
        once: one audit, or the rest of one that was stopped; for a scheduler of the system.
        metric: numbers of the page, as a gate spells them; by default those that decide grades, and the EER.
        fail_on: a gate that is applied to each audit.
        against: what `regressed(...)` compares with: first, previous, or the folder of an audit.
        webhook: address that takes alerts as JSON, or env:NAME of a variable with it.
        form: of the page: html, markdown, pdf.
        out: folder of the audits, the page `trend.html`, and `monitor.json`.

    Returns:
        The state after the last audit. Without `once` it goes on until it is stopped.

    Raises:
        BadInputError: options that cannot be used, or an audit that cannot be made: the first one, or with `once`.
    """
    interval, folder = parse_interval(every), path_of(out)
    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    watch = checked_watch(metric=metrics, fail_on=fail_on, against=against, webhook=webhook, form=form)
    options = AuditOptions(
        detector, recognizer, surrogate, faces, captures, preset, policy, seed, device, precision, workers
    )
    source = maybe_path(reports)
    if source is not None:
        if options.given() or once:
            told = ", ".join(options.given()) or "once"
            raise BadInputError(f"{told}: of reports that are there nothing is audited", hint="leave the folder out")
        hold(folder)
        result, state = look(source, folder, watch, state=read_state(folder))
        state.write(folder)
        return result
    return keep_watching(options.run, folder, watch, every=interval, once=once)


def keep_watching(
    make: Callable[[Path], None],
    out: Path,
    watch: Watch,
    *,
    every: timedelta,
    once: bool,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = now_utc,
) -> MonitorResult:
    """Make audits when they are due.

    Args:
        make: makes one in a folder, or finishes it.
        out: folder of the monitor.
        watch: what to look at after each.
        every: from start to start.
        once: end after one.
        sleep, now: of the clock.

    Raises:
        FacewardenError: the first audit cannot be made, or with `once` any.
    """
    hold(out)
    state = read_state(out)
    while True:
        last = state.last
        if last is None or last.status != "running":
            if not once:
                _wait(last, every, sleep=sleep, now=now)
            name = _free_name(out, now())
            state = state.with_audit(MonitoredAudit(name, "running"))
            state.write(out)
        else:
            name = last.name
            _LOG.info("going on with the audit %s", name)
        problem = _made(make, out / "audits" / name)
        done = MonitoredAudit(name, "done") if problem is None else MonitoredAudit(name, "not made", problem.message)
        state = state.with_audit(done)
        state.write(out)
        ready = [one.name for one in state.audits if one.status == "done"]
        if problem is not None and not ready:
            raise problem
        result, state = look(out / "audits", out, watch, state=state, ready=ready)
        state.write(out)
        if once:
            if problem is not None:
                raise problem
            return result
        _say(result)


def _made(make: Callable[[Path], None], folder: Path) -> FacewardenError | None:
    try:
        make(folder)
    except FacewardenError as error:
        _LOG.warning("the audit %s could not be made: %s", folder.name, error.message)
        return error
    return None


def _wait(
    last: MonitoredAudit | None, every: timedelta, *, sleep: Callable[[float], None], now: Callable[[], datetime]
) -> None:
    started = None if last is None else last.started
    moment = now()
    if started is not None and started > moment:
        _LOG.warning("the last audit was started at %s, which is still to come; was the clock set?", started)
    due, missed = next_due(started, every, moment)
    if missed:
        _LOG.warning("%d audits were due while nothing ran; they are left out", missed)
    while (left := (due - now()).total_seconds()) > 0:
        sleep(min(left, _NAP))


def _free_name(out: Path, moment: datetime) -> str:
    while (out / "audits" / f"{moment:{STAMP}}").exists():
        moment += timedelta(seconds=1)
    return f"{moment:{STAMP}}"


def _say(result: MonitorResult) -> None:
    for title, name, passed in result.systems:
        _LOG.info("%s: %s: %s", name, title, "no gate" if passed is None else "passed" if passed else "gate FAILED")
