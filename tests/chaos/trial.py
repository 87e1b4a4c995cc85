"""One trial: start a command, kill it at an instant, go on, and compare with the undisturbed run."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chaos.process import Running, Starter
from chaos.reading import Reader, Watcher
from chaos.same import differences
from chaos.verbs import ChaosVerb


@dataclass(frozen=True)
class Undisturbed:
    """What a run to the end looked like.

    Attributes:
        folder: of the run; its output is `out`.
        timeline: seconds since the start and number of files, whenever that number changed.
        last: seconds to the last change of any file.
        whole: seconds to the end.
        names: of the files at the end.
    """

    folder: Path
    timeline: tuple[tuple[float, int], ...]
    last: float
    whole: float
    names: frozenset[str]

    @property
    def first(self) -> float:
        """Seconds to the first output."""
        return self.timeline[0][0]

    def moments(self, rng: np.random.Generator, *, number: int) -> list[tuple[int, float]]:
        """Random moments between the first and the last output, each a number of files and seconds after that number.

        Counted in files, they fall there also where the machine is busier than it was, and in a run that goes on.

        Args:
            rng: draws the moments, uniform in time.
            number: how many.

        Returns:
            The moments in their order.
        """
        instants = self.first + np.sort(rng.random(number)) * max(self.last - self.first, 0.2)
        found = []
        for instant in instants.tolist():
            seconds, count = max((at, count) for at, count in self.timeline if at <= instant)
            found.append((count, instant - seconds))
        return found


@dataclass
class Trial:
    """What one trial found; it is a success when `wrong` is empty.

    Attributes:
        verb: under test.
        kills: seconds after each start at which the process was killed.
        outputs: how many files were there at each kill.
        between: how many of the kills fell after the first and before the last output.
        limit: bytes of the largest file that could be written, in a trial of a full disk.
        codes: exit codes, in order.
        read: files that a reader read to their ends meanwhile.
        compared: files that were compared with the undisturbed run.
        wrong: what was not as it must be, a sentence each.
    """

    verb: str
    kills: list[float] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    between: int = 0
    limit: int | None = None
    codes: list[int] = field(default_factory=list)
    read: int = 0
    compared: int = 0
    wrong: list[str] = field(default_factory=list)


def undisturbed(verb: ChaosVerb, folder: Path, starter: Starter) -> Undisturbed:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed, or a reader saw half a file.
    """
    fresh(folder)
    running, watcher = _start(verb.first, folder, starter, Reader(folder / "out"))
    code = running.wait()
    spent = time.monotonic() - watcher.started
    watcher.stop()
    if code != 0 or watcher.reader.broken or not watcher.timeline:
        raise RuntimeError(f"{verb.name}: code {code}, {watcher.reader.broken[:3]}\n{running.errors()}")
    return Undisturbed(folder, tuple(watcher.timeline), watcher.last, spent, watcher.names)


def kill_trial(
    verb: ChaosVerb, folder: Path, reference: Undisturbed, starter: Starter, *, kills: int, rng: np.random.Generator
) -> Trial:
    """Kill a command several times, go on after each, and let it end.

    Args:
        verb: under test.
        folder: of the trial, emptied.
        reference: the undisturbed run.
        starter: starts the commands.
        kills: how many at most; a run that ends before its kill is the last one.
        rng: draws the moments.
    """
    fresh(folder)
    trial = Trial(verb.name)
    again: tuple[str, ...] = ()
    reader = Reader(folder / "out")
    for moment in reference.moments(rng, number=kills):
        running, watcher = _start((*verb.first, *again), folder, starter, reader)
        _until(running, watcher, moment)
        code = running.wait(timeout=0)
        if code is None:
            trial.wrong += running.kill()
            code = running.wait()
            watcher.stop()
            # another look than the one before the kill: all that the command ever wrote has been read now
            trial.kills.append(round(time.monotonic() - watcher.started, 2))
            trial.outputs.append(len(watcher.names))
            trial.between += bool(watcher.names) and watcher.names != reference.names
        else:
            watcher.stop()
        trial.codes.append(code or 0)
        if code == 0:
            break
        if code != -9:
            trial.wrong.append(f"ended with {code} before it was killed: {running.errors()[-500:]}")
        # a verb that was killed before it wrote anything has nothing to go on with, and takes the flag all the same
        again = verb.again
    if trial.codes[-1] != 0:
        _finish((*verb.first, *again), folder, trial, starter, reader)
    _close(folder, reference, trial, reader)
    return trial


def disk_trial(verb: ChaosVerb, folder: Path, reference: Undisturbed, starter: Starter, *, limit: int) -> Trial:
    """Run a command that may write no file above a size, then go on without that limit."""
    fresh(folder)
    trial = Trial(verb.name, limit=limit)
    reader = Reader(folder / "out")
    running, watcher = _start(verb.first, folder, starter, reader, limit=limit)
    code = running.wait() or 0
    watcher.stop()
    errors = running.errors()
    trial.codes.append(code)
    if "Traceback" in errors:
        trial.wrong.append(f"a traceback on a full disk: {errors[-500:]}")
    if code not in (0, 1, 74):  # 1: cells of a plan that failed are reported, not fatal
        trial.wrong.append(f"code {code} on a full disk: {errors[-500:]}")
    if code != 0:
        _finish((*verb.first, *verb.again), folder, trial, starter, reader)
    _close(folder, reference, trial, reader)
    return trial


def _start(
    command: Sequence[str], folder: Path, starter: Starter, reader: Reader, *, limit: int | None = None
) -> tuple[Running, Watcher]:
    watcher = Watcher(reader)
    running = starter.start(command, folder, limit=limit)
    watcher.start()
    return running, watcher


def _until(running: Running, watcher: Watcher, moment: tuple[int, float]) -> None:
    """Wait for a moment, or for the end of the command."""
    count, seconds = moment
    while running.wait(timeout=0.02) is None:
        if len(watcher.names) >= count and _begun(running.pid, watcher.reader.folder):
            running.wait(timeout=seconds)
            return


def _begun(pid: int, output: Path) -> bool:
    """Whether a command holds the lock of its output: what it imports before that is not what is killed here."""
    for path in output.rglob(".*lock"):
        try:
            if json.loads(path.read_text(encoding="utf-8"))["pid"] == pid:
                return True
        except (OSError, ValueError, KeyError):
            continue
    return False


def _finish(command: Sequence[str], folder: Path, trial: Trial, starter: Starter, reader: Reader) -> None:
    running, watcher = _start(command, folder, starter, reader)
    code = running.wait() or 0
    watcher.stop()
    trial.codes.append(code)
    if code != 0:
        trial.wrong.append(f"going on ended with {code}: {running.errors()[-500:]}")


def _close(folder: Path, reference: Undisturbed, trial: Trial, reader: Reader) -> None:
    trial.read = reader.read
    trial.wrong += [f"a reader saw {text}" for text in reader.broken]
    lines, trial.compared = differences(reference.folder / "out", folder / "out")
    trial.wrong += lines[:10]
    left = [path.name for path in folder.rglob(".*") if path.name.endswith((".tmp", ".lock")) or ".tmp." in path.name]
    trial.wrong += [f"{name} was left behind" for name in left]


def fresh(folder: Path) -> None:
    """Make a folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
