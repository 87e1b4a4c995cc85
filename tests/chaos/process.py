"""A command that runs: started by the warm process, waited for, killed; and its workers, which must not outlive it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve()
SOURCE = HERE.parents[2] / "src"
ORPHANS_END = 2.0
"""Seconds after which no worker of a killed command may live."""


class Starter:
    """Starts commands, one at a time, by `warm.py`."""

    def __init__(self) -> None:
        self._warm = subprocess.Popen(
            [sys.executable, str(HERE.with_name("warm.py"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "FACEWARDEN_OFFLINE": "1"},
        )  # fmt: skip
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._warm.stdout is not None
        with self._warm.stdout as lines:
            for line in lines:
                self._answers.put(json.loads(line))
        self._answers.put({"code": 1})  # the warm process itself has ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._warm.stdin is not None
        self._warm.stdin.close()
        self._warm.wait()
        self._reading.join()

    def start(self, command: Sequence[str], folder: Path, *, limit: int | None = None) -> Running:
        """Start a command of facewarden in a folder.

        Args:
            command: its words, without the program's name.
            folder: in which it runs.
            limit: bytes of the largest file that it may write.
        """
        assert self._warm.stdin is not None
        log = folder.parent / f"{folder.name}.log"  # out of the limit's reach, and of the output
        log.unlink(missing_ok=True)
        asked = {"command": list(command), "cwd": str(folder), "log": str(log), "limit": limit}
        self._warm.stdin.write(json.dumps(asked) + "\n")
        self._warm.stdin.flush()
        return Running(self._answers.get()["pid"], log, self._answers)


class Running:
    """One command under way.

    Attributes:
        pid: of its process.
    """

    def __init__(self, pid: int, log: Path, answers: queue.SimpleQueue[dict[str, Any]]) -> None:
        self.pid, self._log, self._answers = pid, log, answers
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int | None:
        """Its code once it has ended, below 0 for a signal; None when it has not ended in so many seconds."""
        if self._code is None:
            try:
                self._code = int(self._answers.get(timeout=timeout)["code"])
            except queue.Empty:
                return None
        return self._code

    def errors(self) -> str:
        """The end of its standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def kill(self) -> list[str]:
        """Kill it, alone; a sentence for each of its workers that lives on."""
        family = _descendants(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        self.wait()
        return _orphans(family)


def _descendants(pid: int) -> list[tuple[int, str]]:
    """Processes below one, each with its start time, which tells it from a later one of the same number."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append((int(path.parent.name), fields[19]))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += [one for one, _ in below]
    return found


def _orphans(family: Sequence[tuple[int, str]]) -> list[str]:
    """Which of the processes live on; they are ended."""
    ends = time.monotonic() + ORPHANS_END
    alive = [one for one in family if _lives(*one)]
    while alive and time.monotonic() < ends:
        time.sleep(0.05)
        alive = [one for one in alive if _lives(*one)]
    for pid, _ in alive:
        os.kill(pid, signal.SIGKILL)
    return [f"process {pid} lived on {ORPHANS_END:g} s after its parent was killed" for pid, _ in alive]


def _lives(pid: int, started: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == started and fields[0] != "Z"
