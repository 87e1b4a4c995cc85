"""One trial: start a command, kill it at an instant, go on, and compare with the undisturbed run."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos.reading import Watcher, broken
from chaos.verbs import ChaosVerb
from golden.same import differences

SOURCE = Path(__file__).resolve().parents[2] / "src"
ORPHANS_END = 2.0
"""Seconds after which no worker of a killed command may live."""


@dataclass
class Trial:
    """What one trial found; it is a success when `wrong` is empty.

    Attributes:
        verb: under test.
        kills: seconds after each start at which the process was killed.
        between: how many of the kills fell after the first and before the last output.
        limit: bytes of the largest file that could be written, in a trial of a full disk.
        codes: exit codes, in order.
        compared: values that were compared with the undisturbed run.
        wrong: what was not as it must be, a sentence each.
    """

    verb: str
    kills: list[float] = field(default_factory=list)
    between: int = 0
    limit: int | None = None
    codes: list[int] = field(default_factory=list)
    compared: int = 0
    wrong: list[str] = field(default_factory=list)


def undisturbed(verb: ChaosVerb, folder: Path) -> tuple[float, float, float]:
    """Run a command to its end; seconds to the first output, to the last one, and in all.

    Raises:
        RuntimeError: it failed, or a reader saw half a file.
    """
    _fresh(folder)
    watcher = Watcher(folder / "out")
    started = time.monotonic()
    process = _start(verb.first, folder)
    watcher.start()
    code, errors = _ended(process, folder)
    spent = time.monotonic() - started
    watcher.stop()
    if code != 0 or watcher.broken or watcher.first is None or watcher.last is None:
        raise RuntimeError(f"{verb.name}: code {code}, {watcher.broken[:3]}\n{errors[-2000:]}")
    return watcher.first, watcher.last, spent


def run_once(command: Sequence[str], folder: Path) -> None:
    """Run a command that must succeed.

    Raises:
        RuntimeError: it did not.
    """
    code, errors = _ended(_start(command, folder), folder)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)}: code {code}\n{errors}")


def kill_trial(verb: ChaosVerb, folder: Path, reference: Path, instants: Sequence[float]) -> Trial:
    """Kill a command at each instant after a start, go on after each, and let it end.

    Args:
        verb: under test.
        folder: of the trial, emptied.
        reference: folder of the undisturbed run.
        instants: seconds after each start.
    """
    _fresh(folder)
    trial = Trial(verb.name)
    again: tuple[str, ...] = ()
    for instant in instants:
        watcher = Watcher(folder / "out")
        process = _start((*verb.first, *again), folder)
        watcher.start()
        try:
            code = process.wait(timeout=instant)
        except subprocess.TimeoutExpired:
            family = _descendants(process.pid)
            process.kill()
            process.wait()
            trial.kills.append(round(instant, 2))
            trial.between += bool(watcher.first is not None or again)
            trial.wrong += _orphans(family)
            code = -signal.SIGKILL
        watcher.stop()
        trial.codes.append(code)
        trial.wrong += [f"a reader saw {text}" for text in [*watcher.broken, *broken(folder / "out")]]
        if code == 0:
            break
        if code != -signal.SIGKILL:
            trial.wrong.append(f"ended with {code} before it was killed")
        # a verb that was killed before it wrote anything has nothing to go on with, and takes the flag all the same
        again = verb.again
    if not trial.codes or trial.codes[-1] != 0:
        _finish(verb, folder, trial, again)
    _compare(folder, reference, trial)
    return trial


def disk_trial(verb: ChaosVerb, folder: Path, reference: Path, limit: int) -> Trial:
    """Run a command that may write no file above a size, then go on without that limit."""
    _fresh(folder)
    trial = Trial(verb.name, limit=limit)
    process = _start(verb.first, folder, limit=limit)
    code, errors = _ended(process, folder)
    trial.codes.append(code)
    if "Traceback" in errors:
        trial.wrong.append(f"a traceback on a full disk: {errors[-500:]}")
    if code not in (0, 1, 74):  # 1: cells of a plan that failed are reported, not fatal
        trial.wrong.append(f"code {code} on a full disk: {errors[-500:]}")
    trial.wrong += [f"a full disk left {text}" for text in broken(folder / "out")]
    if code != 0:
        _finish(verb, folder, trial, verb.again)
    _compare(folder, reference, trial)
    return trial


def _finish(verb: ChaosVerb, folder: Path, trial: Trial, again: tuple[str, ...]) -> None:
    code, errors = _ended(_start((*verb.first, *again), folder), folder)
    trial.codes.append(code)
    if code != 0:
        trial.wrong.append(f"going on ended with {code}: {errors[-500:]}")


def _compare(folder: Path, reference: Path, trial: Trial) -> None:
    lines, trial.compared = differences(reference / "out", folder / "out")
    trial.wrong += lines[:10]
    if not trial.compared:
        trial.wrong.append("nothing could be compared")
    left = [path.name for path in folder.rglob(".*") if path.name.endswith((".tmp", ".lock")) or ".tmp." in path.name]
    trial.wrong += [f"{name} was left behind" for name in left]


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _start(command: Sequence[str], folder: Path, *, limit: int | None = None) -> subprocess.Popen[bytes]:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # a file outside of the limit's reach and of the output: a pipe that nobody empties would stop the command
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "facewarden", *command], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log if limit is None else subprocess.PIPE, preexec_fn=limited,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "FACEWARDEN_OFFLINE": "1"},
        )  # fmt: skip


def _ended(process: subprocess.Popen[bytes], folder: Path) -> tuple[int, str]:
    _, said = process.communicate()
    log = folder.parent / f"{folder.name}.log"
    return process.returncode, said.decode() if said is not None else log.read_text(encoding="utf-8")[-3000:]


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
    alive = list(family)
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
