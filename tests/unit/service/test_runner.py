"""The process of an audit: where its paths hold, and what it says beside bars of progress."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from facewarden.pad.onnx_file import OnnxDetector
from facewarden.service.jobs.runner import JobOutput, JobRunner
from facewarden.service.jobs.work import MARK
from facewarden.service.logs import open_log
from facewarden.service.metrics import Metrics
from facewarden.service.settings import JobLimits
from facewarden.service.store.database import open_database
from facewarden.service.store.job_store import Job, JobStore


def test_an_outcome_after_an_open_line_is_heard(tmp_path: Path) -> None:
    said = JobOutput()
    told = [json.dumps(one) for one in ({"progress": {"done": 1}}, {"outcome": {"gate": None}})]
    lines = f" 10%|#| 1/9{MARK}{told[0]}\nplain\n 90%|#| 8/9{MARK}{told[1]}\n"
    command = [sys.executable, "-c", f"import sys; sys.stdout.write({lines!r})"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said.read(process, tmp_path / "job.log")
    assert (said.progress, said.outcome) == ({"done": 1}, {"gate": None})
    assert (tmp_path / "job.log").read_text() == " 10%|#| 1/9plain\n 90%|#| 8/9"


def test_audits_leave_the_threads_that_requests_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    store = JobStore(engine)
    most, ready, end = 40, threading.Barrier(41), threading.Event()  # Python's own pool has 32 threads at most

    def hours(_: JobRunner, __: Job) -> None:
        ready.wait(60)
        end.wait(60)

    monkeypatch.setattr(JobRunner, "_work", hours)
    for _ in range(most):
        store.submit("audit", {})

    async def run() -> None:
        limits = JobLimits(at_once=most)
        runner = JobRunner(store, owner="me", folder=tmp_path, limits=limits, metrics=Metrics(), log=None)
        await runner.start()
        waiting = threading.Thread(target=ready.wait, args=(60,))
        waiting.start()
        while waiting.is_alive():
            await asyncio.sleep(0.02)
        try:
            assert (await asyncio.wait_for(asyncio.to_thread(store.counts), 20))["running"] == most
        finally:
            end.set()
            await runner.stop()

    asyncio.run(run())
    engine.dispose()
    assert not ready.broken


def test_relative_paths_of_the_settings_hold_in_the_folder_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder was imported')\n")
    (tmp_path / "mine").mkdir()
    OnnxDetector.example(tmp_path / "mine")
    (tmp_path / "door.csv").write_text("no,manifest\n1,2\n")
    engine = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    store = JobStore(engine)
    request = {"detector": "mine/tiny.onnx", "captures": "door.csv", "preset": "quick", "device": "cpu", "workers": 1}
    job = store.submit("audit", request)
    assert job is not None

    async def run() -> dict[str, Any]:
        runner = JobRunner(
            store, owner="me", folder=Path("audits"), limits=JobLimits(), metrics=Metrics(),
            log=open_log(stream=io.StringIO()),
        )  # fmt: skip
        await runner.start()
        try:
            for _ in range(1200):
                found = await asyncio.to_thread(store.get, job.id)
                if found is not None and found.state in ("done", "failed"):
                    return dict(found.outcome)
                await asyncio.sleep(0.1)
        finally:
            await runner.stop()
        raise AssertionError("it did not end in time")

    outcome = asyncio.run(run())
    engine.dispose()
    assert "door.csv" in outcome["error"]
    assert "no such" not in outcome["error"]  # both were found, and one is no manifest
