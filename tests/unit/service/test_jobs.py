"""Audits in the background: done, followed, canceled, and lost by neither a stop nor a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from facewarden.data.simulate import Simulation, simulate
from facewarden.reporting.codec import read_report
from facewarden.service.settings import ServiceSettings
from served import served, settings_in, wait_until

pytestmark = pytest.mark.slow
FAST = {"captures": "few", "preset": "quick", "fail_on": "presentation.acer > 0.99"}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few") / "captures"
    simulate(folder, Simulation(subjects=9, captures_per_subject=4, size=96, seed=1))
    return folder / "manifest.csv"


def settings(folder: Path, few: Path, **more: Any) -> ServiceSettings:
    return settings_in(folder, captures={"few": str(few)}, **more)


def state(url: str, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/v1/audits/{identity}", timeout=120).json()
    return found


def test_an_audit_is_done_followed_and_removed(tmp_path: Path, few: Path) -> None:
    with served(settings(tmp_path, few)) as made:
        url = f"{made.url}/v1/audits"
        refused = [
            ({"captures": "/etc/passwd"}, 404), ({"detector": "a.py:Net"}, 404), ({"policy": "guess"}, 422),
            ({"fail_on": "acer >"}, 422), ({"seed": -1}, 422),
        ]  # fmt: skip
        for wrong, status in refused:
            assert httpx.post(url, json=wrong, timeout=120).status_code == status, wrong
        accepted = httpx.post(url, json=FAST, timeout=120)
        assert accepted.status_code == 202
        identity = accepted.json()["id"]
        assert accepted.headers["location"] == f"/v1/audits/{identity}"
        assert accepted.json()["request"] == {"detector": "multi_cnn", "captures": "few", "preset": "quick",
                                              "policy": "eer", "seed": 0, "fail_on": FAST["fail_on"]}  # fmt: skip
        told = []
        with httpx.stream("GET", f"{url}/{identity}/events", timeout=300) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        assert told[-1]["state"] == "done", told[-1]
        assert {one["state"] for one in told} >= {"running", "done"}
        assert [one for one in told if one["progress"].get("label")]
        assert told[-1]["outcome"]["gate"] is True
        page = httpx.get(f"{url}/{identity}/report", timeout=120)
        assert "<html" in page.text
        assert "sandbox" in page.headers["content-security-policy"]
        (tmp_path / "report.json").write_text(httpx.get(f"{url}/{identity}/report?form=json", timeout=120).text)
        report = read_report(tmp_path / "report.json")[0]
        assert {section.name: section.grade for section in report.sections} == told[-1]["outcome"]["grades"]
        assert [one["id"] for one in httpx.get(url, timeout=120).json()["audits"]] == [identity]
        assert httpx.delete(f"{url}/{identity}", timeout=120).status_code == 204
        assert httpx.get(f"{url}/{identity}", timeout=120).status_code == 404
        assert not (tmp_path / "audits" / identity).exists()
        actions = [json.loads(line)["action"] for line in (tmp_path / "actions.log").read_text().splitlines()]
        assert actions == ["service.start", "audit.submit", "audit.report", "audit.report", "audit.remove"]


def test_a_running_audit_is_canceled_and_a_failed_one_says_why(tmp_path: Path, few: Path) -> None:
    broken = tmp_path / "absent.csv"
    more = settings(tmp_path / "data", few)
    made_of = {**more.captures, "gone": str(broken)}
    with served(settings_in(tmp_path / "data", captures=made_of)) as made:
        url = f"{made.url}/v1/audits"
        long = httpx.post(url, json={"preset": "thorough"}, timeout=120).json()["id"]
        waiting = httpx.post(url, json=FAST, timeout=120).json()["id"]
        wait_until(lambda: state(made.url, long)["progress"].get("label"), seconds=600)
        assert state(made.url, waiting)["state"] == "queued"
        assert httpx.get(f"{url}/{long}/report", timeout=120).status_code == 409
        assert httpx.delete(f"{url}/{long}", timeout=120).status_code == 409
        assert httpx.post(f"{url}/{waiting}/cancel", timeout=120).json()["state"] == "canceled"
        assert httpx.post(f"{url}/{long}/cancel", timeout=120).status_code == 202
        wait_until(lambda: state(made.url, long)["state"] == "canceled", seconds=600)
        failed = httpx.post(url, json={"captures": "gone"}, timeout=120).json()["id"]
        wait_until(lambda: state(made.url, failed)["state"] == "failed", seconds=600)
        assert "absent.csv" in state(made.url, failed)["outcome"]["error"]


@contextmanager
def process(folder: Path, few: Path, **more: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service in a process of its own, and its address."""
    folder.mkdir(exist_ok=True)
    file = folder / "settings.json"
    values = {"data": str(folder / "data"), "port": 0, "captures": {"few": str(few)}, "purifier": "", "recognizer": "",
              "device": "cpu", **more}  # fmt: skip
    file.write_text(json.dumps(values))
    words = [sys.executable, "-m", "facewarden", "serve", str(file)]
    log = folder / "serve.log"  # no pipe: a line a request would fill one that nobody reads, and the service would wait
    with log.open("w") as told, subprocess.Popen(words, stderr=told, cwd=folder) as running:
        try:
            url = wait_until(lambda: _listening(log) or running.poll() is not None)
            assert isinstance(url, str), log.read_text()
            wait_until(lambda: _ready(url))
            yield running, url
        finally:
            if running.poll() is None:
                running.kill()


def _listening(log: Path) -> str:
    """The address of which the log tells; empty before it does."""
    lines = [line for line in log.read_text().splitlines() if '"listening"' in line]
    return json.loads(lines[0])["url"] if lines else ""


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def children(pid: int) -> set[int]:
    """Processes that a process started, and theirs."""
    found = {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(one) for one in (task / "children").read_text().split()}
    return found | {below for one in found if Path(f"/proc/{one}").exists() for below in children(one)}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_accepted_audit_goes_on_after_a_kill_and_after_a_stop(
    tmp_path: Path, few: Path, how: signal.Signals
) -> None:
    with process(tmp_path, few) as (running, url):
        identity = httpx.post(f"{url}/v1/audits", json=FAST, timeout=120).json()["id"]
        wait_until(lambda: state(url, identity)["progress"].get("label"), seconds=600)
        workers = children(running.pid)
        assert workers
        os.kill(running.pid, how)
        code = running.wait(300)
        assert code == (-9 if how == signal.SIGKILL else 0)
        wait_until(lambda: not [one for one in workers if _runs(one)], seconds=600)
    with process(tmp_path, few) as (running, url):
        wait_until(lambda: state(url, identity)["state"] == "done", seconds=600)
        found = state(url, identity)
        assert found["tries"] == 2
        running.send_signal(signal.SIGTERM)
        assert running.wait(300) == 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
