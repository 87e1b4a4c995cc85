"""The monitor: audits when they are due, the rest of one that was stopped, alerts that arrive once, and exit codes."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import facewarden
from facewarden.cli.parts.main import main
from facewarden.core.errors import BadInputError
from facewarden.metrics.intervals import wilson
from facewarden.pad.parts.local_service import serve
from facewarden.reporting.document import Metric, Report
from facewarden.reporting.html import write_report
from facewarden.verbs.monitoring import alerts
from facewarden.verbs.monitoring.monitor import keep_watching
from facewarden.verbs.monitoring.schedule import next_due, parse_interval
from facewarden.verbs.monitoring.watch import checked_watch

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
GATE = "presentation.bpcer > 0.1"


@pytest.fixture(scope="module")
def report() -> Report:
    source = Path(__file__).parents[1] / "reporting" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_for_monitor", source)
    assert spec is not None
    assert spec.loader is not None
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    whole = made_up.made_up_report()
    sections = {
        name: replace(getattr(whole, name), figures=()) for name in ("presentation", "perturbation", "poisoning")
    }
    return replace(whole, gate=None, **sections)


def write(report: Report, folder: Path, errors: int, moment: datetime) -> None:
    rate = wilson(errors, 240)
    bpcer = Metric("bpcer", rate.value, rate.low, rate.high, 240, True, unit="%")
    metrics = tuple(bpcer if metric.name == "bpcer" else metric for metric in report.presentation.metrics)
    made = replace(
        report, created=f"{moment:%Y-%m-%dT%H:%M:%SZ}", presentation=replace(report.presentation, metrics=metrics)
    )
    write_report(made, folder)


class Clock:
    """A clock that a sleep moves."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Listener:
    """A webhook that answers with the given codes, the last one for ever."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.bodies = list(codes), list[dict[str, Any]]()
        url, self.server = serve(self._answer)
        self.url = f"{url}/secret-token"

    def _answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        self.bodies.append(body)
        return (self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]), b"ok"


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(alerts.time, "sleep", lambda _: None)
    opened: list[Listener] = []

    def start(*codes: int) -> Listener:
        opened.append(Listener(*codes))
        return opened[-1]

    yield start
    for one in opened:
        one.server.shutdown()
        one.server.server_close()


def watch(**given: Any) -> Any:
    return checked_watch(**({"metric": ["presentation.bpcer"], "fail_on": GATE, "against": "first", "webhook": None,
                             "form": ["markdown"]} | given))  # fmt: skip


def auditor(report: Report, clock: Clock, errors: list[int]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        clock.time += timedelta(minutes=10)
        write(report, folder, errors.pop(0), clock.time)

    return make


def test_intervals_are_read_and_wrong_ones_refused() -> None:
    assert parse_interval("90m") == timedelta(minutes=90)
    for text in ("", "6", "0h", "-1h", "1.5h", "6 h", "9999d", "1w"):
        with pytest.raises(BadInputError, match="cannot be used"):
            parse_interval(text)


def test_an_overdue_audit_starts_now_and_missed_ones_are_counted() -> None:
    hour = timedelta(hours=1)
    assert next_due(None, hour, START) == (START, 0)
    assert next_due(START, hour, START + hour / 2) == (START + hour, 0)
    assert next_due(START, hour, START + 1.5 * hour) == (START + 1.5 * hour, 0)
    assert next_due(START, hour, START + 4.5 * hour) == (START + 4.5 * hour, 3)


def test_a_clock_that_is_set_back_neither_delays_nor_hides_an_audit(
    report: Report, tmp_path: Path, listen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hour = timedelta(hours=1)
    assert next_due(START + 9000 * hour, hour, START) == (START, 0)
    hook, clock = listen(200), Clock()
    options: dict[str, Any] = {"every": hour, "once": True, "sleep": clock.sleep, "now": clock.now}
    assert keep_watching(auditor(report, clock, [7]), tmp_path, watch(webhook=hook.url), **options).well
    clock.time = START - timedelta(days=30)  # a machine without a battery for its clock
    found = keep_watching(auditor(report, clock, [40]), tmp_path, watch(webhook=hook.url), **options)
    assert not found.well
    assert [one["event"] for one in hook.bodies] == ["gate_failed"]
    clock.time = START - timedelta(days=60)
    errors = [7]

    def once(folder: Path) -> None:
        if not errors:
            raise KeyboardInterrupt
        auditor(report, clock, errors)(folder)

    with pytest.raises(KeyboardInterrupt):
        keep_watching(once, tmp_path, watch(webhook=hook.url), **{**options, "once": False})
    assert hook.bodies[-1]["event"] == "gate_recovered"
    assert clock.time < START
    assert "was the clock set?" in caplog.text


def test_audits_are_made_from_start_to_start(report: Report, tmp_path: Path) -> None:
    clock = Clock()
    errors = [7, 8, 9]
    make = auditor(report, clock, errors)

    def until_done(folder: Path) -> None:
        if not errors:
            raise KeyboardInterrupt
        make(folder)

    with pytest.raises(KeyboardInterrupt):
        keep_watching(
            until_done, tmp_path, watch(), every=timedelta(hours=1), once=False, sleep=clock.sleep, now=clock.now
        )
    names = sorted(one.name for one in (tmp_path / "audits").iterdir())
    assert names == ["20260301T060000Z", "20260301T070000Z", "20260301T080000Z"]
    state = json.loads((tmp_path / "monitor.json").read_text())
    assert [one["status"] for one in state["audits"]] == ["done", "done", "done", "running"]
    assert "3 audits" in (tmp_path / "trend.md").read_text()


def test_a_stopped_audit_is_finished_first(report: Report, tmp_path: Path) -> None:
    clock, seen = Clock(), list[str]()

    def stopped(folder: Path) -> None:
        raise KeyboardInterrupt

    options: dict[str, Any] = {"every": timedelta(hours=1), "once": True, "sleep": clock.sleep, "now": clock.now}
    with pytest.raises(KeyboardInterrupt):
        keep_watching(stopped, tmp_path, watch(), **options)
    clock.time += timedelta(hours=5)
    make = auditor(report, clock, [7])
    keep_watching(lambda folder: (seen.append(folder.name), make(folder))[1], tmp_path, watch(), **options)
    assert seen == ["20260301T060000Z"]


def test_an_alert_comes_with_the_failure_and_one_with_the_recovery(report: Report, tmp_path: Path, listen: Any) -> None:
    hook, clock = listen(200), Clock()
    chosen = watch(webhook=hook.url, metric=["presentation.bpcer"])
    options: dict[str, Any] = {"every": timedelta(hours=1), "once": True, "sleep": clock.sleep, "now": clock.now}
    results = []
    for errors in (7, 36, 40, 7, 7):
        results.append(keep_watching(auditor(report, clock, [errors]), tmp_path, chosen, **options))
        clock.time += timedelta(hours=1)
    assert [one.well for one in results] == [True, False, False, True, True]
    assert [one["event"] for one in hook.bodies] == ["gate_failed", "gate_failed", "gate_recovered"]
    first, second, last = hook.bodies
    assert first["schema"] == "facewarden.alert/1"
    assert first["failing_since"] == second["failing_since"] == first["created"]
    assert last["failing_since"] is None
    assert first["metrics"][0]["metric"] == "presentation.bpcer"
    assert (first["metrics"][0]["value"], first["metrics"][0]["n"]) == (36 / 240, 240)
    assert first["gate"]["expression"] == GATE
    assert "15.0" in first["gate"]["detail"]


def test_an_alert_is_tried_again_and_kept_for_the_next_audit(report: Report, tmp_path: Path, listen: Any) -> None:
    hook = listen(503, 503, 200)
    write(report, tmp_path / "r" / "a", 36, START)
    given: dict[str, Any] = {"metric": "presentation.bpcer", "fail_on": GATE, "form": ["markdown"]}
    done = facewarden.monitor(tmp_path / "r", out=tmp_path / "o", webhook=hook.url, **given)
    assert (done.sent, len(hook.bodies)) == (("gate_failed",), 3)
    again = facewarden.monitor(tmp_path / "r", out=tmp_path / "o", webhook=hook.url, **given)
    assert (again.sent, again.not_sent, len(hook.bodies)) == ((), (), 3)

    down = listen(500)
    lost = facewarden.monitor(tmp_path / "r", out=tmp_path / "p", webhook=down.url, **given)
    assert len(down.bodies) == 4
    assert "secret-token" not in repr(lost) + (tmp_path / "p" / "monitor.json").read_text()
    assert not lost.well
    late = facewarden.monitor(tmp_path / "r", out=tmp_path / "p", webhook=hook.url, **given)
    assert late.sent == ("gate_failed",)

    refused = listen(404)
    none = facewarden.monitor(tmp_path / "r", out=tmp_path / "q", webhook=refused.url, **given)
    assert (len(refused.bodies), len(none.not_sent)) == (1, 1)


def test_an_audit_that_cannot_be_made_is_told_and_the_next_one_goes_on(
    report: Report, tmp_path: Path, listen: Any
) -> None:
    hook, clock = listen(200), Clock()
    chosen = watch(webhook=hook.url)
    options: dict[str, Any] = {"every": timedelta(hours=1), "once": True, "sleep": clock.sleep, "now": clock.now}

    def broken(folder: Path) -> None:
        raise BadInputError("http://127.0.0.1:1 cannot be reached", hint="start the service")

    with pytest.raises(BadInputError, match="cannot be reached"):  # at first a typing error: nobody is woken
        keep_watching(broken, tmp_path, chosen, **options)
    assert hook.bodies == []
    keep_watching(auditor(report, clock, [7]), tmp_path, chosen, **options)
    clock.time += timedelta(hours=1)
    with pytest.raises(BadInputError, match="cannot be reached"):
        keep_watching(broken, tmp_path, chosen, **options)
    assert [one["event"] for one in hook.bodies] == ["audit_not_made"]
    clock.time += timedelta(hours=1)
    assert keep_watching(auditor(report, clock, [8]), tmp_path, chosen, **options).well
    assert "cannot be reached" in (tmp_path / "trend.md").read_text()


def test_the_command_reads_a_folder_of_reports(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(report, tmp_path / "r" / "old" / "deep", 7, START)
    write(report, tmp_path / "r" / "new", 36, START + timedelta(days=1))
    (tmp_path / "r" / "torn").mkdir()
    (tmp_path / "r" / "torn" / "report.json").write_text("{")
    words = ["monitor", str(tmp_path / "r"), "--metric", "presentation.bpcer", "--out", str(tmp_path / "o")]
    assert main([*words, "--form", "markdown"]) == 0
    assert "trend of 2 audits" in capsys.readouterr().out
    page = (tmp_path / "o" / "trend.md").read_text()
    assert "torn/report.json" in page
    assert main([*words, "--form", "html", "markdown", "--fail-on", GATE]) == 1
    assert "gate FAILED in new" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "o" / "trend.html").read_text()
    assert (tmp_path / "r" / "new" / "report.json").read_text().count('"gate": null') == 1  # reports are only read


def test_a_folder_that_cannot_be_listed_is_named(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(report, tmp_path / "r" / "old", 7, START)
    write(report, tmp_path / "r" / "new", 36, START + timedelta(days=1))
    scan = os.scandir

    def closed(folder: Any) -> Any:
        if Path(folder).name == "new":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", closed)
    assert main(["monitor", str(tmp_path / "r"), "--out", str(tmp_path / "o")]) == 0
    assert "new: cannot be listed" in capsys.readouterr().err
    assert "new: cannot be listed" in (tmp_path / "o" / "trend.md").read_text()


@pytest.mark.parametrize(("words", "told"), [
    (["--every", "soon"], "--every 30m"),
    (["--metric", "bpcer"], "max(perturbation.success_rate"),
    (["--fail-on", "presentation"], "--fail-on|gate"),
    (["--webhook", "ftp://x"], "--webhook https://"),
    (["--webhook", "env:FACEWARDEN_NO_SUCH"], "export FACEWARDEN_NO_SUCH"),
    (["--against", "nowhere"], "no report here"),
    (["--preset", "quick"], "leave the folder out"),
])  # fmt: skip
def test_wrong_options_end_with_2(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    write(report, tmp_path / "r", 7, START)
    assert main(["monitor", str(tmp_path / "r"), "--out", str(tmp_path / "o"), *words]) == 2
    said = capsys.readouterr().err
    assert any(one in said for one in told.split("|"))
    assert "Traceback" not in said
    assert main(["monitor", str(tmp_path / "empty")]) == 2


def test_a_copied_folder_of_an_audit_counts_once_and_is_named(
    report: Report, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for day, errors in ((1, 10), (2, 30)):
        write(report, tmp_path / f"runs/{day}", errors, START + timedelta(days=day))
    shutil.copytree(tmp_path / "runs/1", tmp_path / "runs/1 (copy)")
    shutil.copytree(tmp_path / "runs/2", tmp_path / "runs/kept/2")
    caplog.set_level(logging.WARNING, logger="facewarden")
    found = facewarden.monitor(tmp_path / "runs", metric="presentation.bpcer", form=["markdown"], out=tmp_path / "m")
    assert found.audits == 2
    assert "1 (copy): the same audit as 1" in caplog.text
    assert "Left out: kept/2: the same audit as 2" in (tmp_path / "m/trend.md").read_text()
