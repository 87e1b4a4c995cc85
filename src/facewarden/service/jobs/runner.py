"""Runs queued jobs of the database, each in a process that ends with this one, and gives back what it cannot finish."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from facewarden.core.files import write_json
from facewarden.core.processes import following
from facewarden.service.jobs.work import MARK
from facewarden.service.logs import where_of
from facewarden.service.metrics import Metrics
from facewarden.service.settings import JobLimits
from facewarden.service.store.job_store import ENDED, Job, JobStore, State

_POLL = 0.5
_RENEW = 1.0
_LONGEST_LINE = 100_000
_WORK = "facewarden.service.jobs.work"
_STATES: tuple[State, ...] = ("queued", "running", *ENDED)


class JobRunner:
    """Takes jobs of the queue as long as the service runs.

    Args:
        store: of jobs.
        owner: name of this server.
        folder: each job has a folder of its id in it.
        limits: how many at once, for how long.
        metrics: told of jobs.
        log: structured log.
    """

    def __init__(
        self, store: JobStore, *, owner: str, folder: Path, limits: JobLimits, metrics: Metrics, log: Any
    ) -> None:
        self.store = store
        self.owner = owner
        self.folder = folder
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._stopping = threading.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Future[None], str] = {}
        # of their own: an audit takes hours, and every request needs one of the threads that all share
        self._threads = ThreadPoolExecutor(limits.at_once, "jobs")

    async def start(self) -> None:
        """Queue again what this server was working on when it was killed, and begin."""
        back = await asyncio.to_thread(self.store.give_back, owner=self.owner)
        if back:
            self._log.info("jobs.resumed", count=back)
        self._task = asyncio.create_task(self._take())

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def stop(self) -> None:
        """End the processes; their jobs are queued again and go on at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self.store.give_back, owner=self.owner)  # where it fails, the next start does it

    async def _take(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self.store.give_back, working=list(self._running.values()))
                while len(self._running) < self._limits.at_once and not self._stopping.is_set():
                    job = await asyncio.to_thread(self.store.claim, self.owner, lease=self._limits.lease)
                    if job is None:
                        break
                    work = asyncio.get_running_loop().run_in_executor(self._threads, self._work, job)
                    self._running[work] = job.id
                    work.add_done_callback(self._ended)
                counts = await asyncio.to_thread(self.store.counts)
                for state in _STATES:
                    self._metrics.jobs.labels(state).set(counts.get(state, 0))
            except Exception as error:  # a database that is away comes back
                self._log.error("jobs.database", **where_of(error))
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _POLL)

    def _ended(self, work: asyncio.Future[None]) -> None:
        self._running.pop(work, None)
        error = None if work.cancelled() else work.exception()
        if error is not None:
            self._log.error("jobs.defect", **where_of(error))
        self._wake.set()

    def _work(self, job: Job) -> None:
        """Run one job to its end, in a thread of its own."""
        folder = self.folder / job.id
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "job.json", {"kind": job.kind, "request": dict(job.request)})
        self._log.info("job.start", job=job.id, kind=job.kind, attempt=job.tries)
        # it starts in its own folder, where nothing hides a module, and then goes where the paths of the settings hold
        command = [sys.executable, "-m", _WORK, str(folder.absolute()), str(Path.cwd())]
        with following(command, folder=folder) as process:
            said = JobOutput()
            reader = threading.Thread(target=said.read, args=(process, folder / "job.log"), daemon=True)
            reader.start()
            why = self._watch(job, said, reader)
        reader.join(5)
        code = process.wait()
        if why == "lost":
            self._log.warning("job.lost", job=job.id)
            return
        if why == "stop":
            self._log.info("job.given_back", job=job.id)
            return
        state, outcome = _end_of(code, said, why, self._limits.seconds)
        if not self.store.finish(job, self.owner, state, outcome):
            self._log.warning("job.lost", job=job.id)
            return
        self._log.info("job.end", job=job.id, state=state, code=code)

    def _watch(self, job: Job, said: JobOutput, reader: threading.Thread) -> str:
        """Until the process ends by itself: ""; or why it is to be ended."""
        began = time.monotonic()
        told: Mapping[str, Any] | None = None
        while True:
            reader.join(_RENEW if reader.is_alive() else 0)
            progress = None if said.progress is told else said.progress
            told = said.progress
            with suppress(Exception):  # a database that is away for a moment; the lease is longer
                mine, cancel = self.store.renew(job, self.owner, lease=self._limits.lease, progress=progress)
                if not mine:
                    return "lost"
                if cancel:
                    return "cancel"
            if not reader.is_alive():
                return ""
            if self._stopping.is_set():
                return "stop"
            if time.monotonic() - began > self._limits.seconds:
                return "time"


class JobOutput:
    """What a job's process says: progress, its outcome, and the rest into a file."""

    def __init__(self) -> None:
        self.progress: Mapping[str, Any] = {}
        self.outcome: Mapping[str, Any] = {}

    def read(self, process: subprocess.Popen[str], log: Path) -> None:
        """Read until the process ends."""
        assert process.stdout is not None
        with suppress(OSError, ValueError), log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            log.chmod(0o600)
            while line := process.stdout.readline(_LONGEST_LINE):
                other, mark, told = line.partition(MARK)  # a bar of progress leaves its line open
                if other:
                    file.write(other)
                    file.flush()
                if not mark:
                    continue
                with suppress(ValueError):
                    found = json.loads(told)
                    self.progress = found.get("progress", self.progress)
                    self.outcome = found.get("outcome", self.outcome)


def _end_of(code: int, said: JobOutput, why: str, seconds: float) -> tuple[State, Mapping[str, Any]]:
    if why == "cancel":
        return "canceled", {}
    if why == "time":
        return "failed", {"error": f"took longer than {seconds:g} s", "hint": "a smaller preset"}
    if code == 0 and said.outcome:
        return "done", said.outcome
    if code == 2 and said.outcome:
        return "failed", said.outcome
    return "failed", {"error": f"its process ended with code {code}", "hint": "job.log in the folder of the audit"}
