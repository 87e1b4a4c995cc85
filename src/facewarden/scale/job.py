"""One share as a process of its own, on whichever machine an engine has chosen."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError
from facewarden.core.processes import following
from facewarden.scale.command import SharedCommand
from facewarden.scale.staging import Stage, staged

_LAST_LINES = 12


@dataclass(frozen=True)
class ShardJob:
    """What an engine runs.

    Attributes:
        shard: which share.
        words: of the command line, after `facewarden`.
        environment: variables that the process gets besides.
        command, stage: the command without its share, and what of it lies in a store; None for nothing.
        folder: in which it runs, whichever machine does: that of whoever made the job, where relative paths hold.
    """

    shard: Shard
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    command: SharedCommand | None = None
    stage: Stage | None = None
    folder: Path = field(default_factory=Path.cwd)

    @property
    def place(self) -> Path:
        """Where it runs on this machine, which need not have its folder where photos and results lie in a store."""
        stored = self.stage is not None and self.stage.source is not None and self.stage.out is not None
        return Path.cwd() if stored and not self.folder.is_dir() else self.folder


@dataclass(frozen=True)
class JobEnd:
    """How a job ended.

    Attributes:
        job: which.
        error: the last lines that it said where it failed; empty where all is done.
    """

    job: ShardJob
    error: str = ""


Engine = Callable[[Sequence[ShardJob]], Iterator[JobEnd]]
"""Runs jobs somewhere, in any order, and tells of each as it ends."""


def run_job(job: ShardJob) -> JobEnd:
    """Run one share in a process that ends with this one; what it says is kept for the case that it fails."""
    if job.stage is None or job.command is None:
        return _run_words(job, job.words)
    try:
        with staged(job.command, job.stage, job.shard) as (command, finish):
            end = _run_words(job, command.line(job.shard, out=command.out, workers=_workers(job.words)))
            if not end.error:
                finish()
            return end
    except BadInputError as error:
        return JobEnd(job, f"{error.message}\n  -> {error.hint}")


def _workers(words: Sequence[str]) -> int | None:
    """What the share's own line says of processes."""
    return int(words[words.index("--workers") + 1]) if "--workers" in words else None


def _run_words(job: ShardJob, words: Sequence[str]) -> JobEnd:
    command = [sys.executable, "-m", "facewarden", *words, "--quiet"]
    said: list[str] = []
    variables = [f"{name}={value}" for name, value in job.environment.items()]
    before = ["env", *variables] if variables else []
    try:
        with following([*before, *command], folder=job.place) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said = [*said[1 - _LAST_LINES :], line.rstrip("\n")]
            code = process.wait()
    except OSError as error:
        return JobEnd(job, f"cannot be started: {error}")
    if code == 0:
        return JobEnd(job)
    told = "\n".join(line for line in said if line) or f"ended with code {code}"
    return JobEnd(job, f"{told}\n  -> {shlex.join(['facewarden', *words])}")


def run_with_retries(engine: Engine, jobs: Sequence[ShardJob], *, attempts: int) -> Iterator[JobEnd]:
    """Run jobs on an engine; those that fail are tried again after the others.

    Args:
        engine: where.
        jobs: what.
        attempts: how often each is tried.

    Yields:
        The end of every job, once: its success, or its last failure.
    """
    left = list(jobs)
    for attempt in range(1, attempts + 1):
        failed = []
        for end in engine(left):
            if not end.error or attempt == attempts:
                yield end
            else:
                failed.append(end.job)
        left = failed
        if not left:
            return


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
