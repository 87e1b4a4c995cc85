"""How progress looks: bars with a time estimate on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from facewarden.core.guards.text import one_line
from facewarden.core.progress import Sink


class _Bars:
    """Bars on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, label: str, done: int, total: int | None, unit: str) -> None:
        if done == 0 or label not in self._tasks:
            if label in self._tasks:
                self._progress.remove_task(self._tasks[label])
            self._tasks[label] = self._progress.add_task(escape(one_line(label)), total=total, unit=unit)
        self._progress.update(self._tasks[label], completed=done)


class _Lines:
    """A line at the start and after each quarter, for logs."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._quarter: dict[str, int] = {}

    def update(self, label: str, done: int, total: int | None, unit: str) -> None:
        if done == 0:
            self._started[label], self._quarter[label] = time.monotonic(), 0
            count = " ".join(str(part) for part in (total, unit) if part not in (None, ""))
            self._write(f"{label}: {count}" if count else label)
        elif total and done * 4 // total > self._quarter.get(label, 0):
            self._quarter[label] = done * 4 // total
            spent = time.monotonic() - self._started.get(label, time.monotonic())
            left = f", about {spent / done * (total - done):.0f} s left" if done < total else ""
            self._write(f"{label}: {done} of {total}{f' {unit}' if unit else ''}, {spent:.0f} s{left}")

    def _write(self, line: str) -> None:
        print(one_line(line), file=sys.stderr, flush=True)


@contextmanager
def on_stderr() -> Iterator[Sink]:
    """A sink that suits where standard error goes."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress)
