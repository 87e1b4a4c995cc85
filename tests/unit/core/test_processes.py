"""Plain scripts without a guard, and machines that start no worker processes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from facewarden.core import processes
from facewarden.core.processes import needs_main, worker_pool
from facewarden.data.simulate import Simulation, simulate
from facewarden.data.simulate import run as module
from facewarden.experiments.engine.executor import run_cells
from stand_in_kind import Draws, die

TESTS = Path(__file__).parent.parent.parent
SMALL = Simulation(subjects=4, captures_per_subject=2, size=64)


def script(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run a script file as a user would, with neither a guard nor an installed test package."""
    path = tmp_path / "script.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n" + textwrap.dedent(text))
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False, cwd=tmp_path)


@pytest.mark.slow
def test_a_script_without_a_guard_simulates_in_several_processes_and_runs_once(tmp_path: Path) -> None:
    process = script(
        tmp_path,
        """
        from pathlib import Path
        with open("ran.txt", "a") as file:
            file.write("once\\n")
        from facewarden.data.simulate import Simulation, simulate
        made = simulate(Path("two"), Simulation(subjects=4, captures_per_subject=2, size=64), workers=2)
        print(len(made.manifest), "captures")
        """,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == "8 captures\n"
    assert process.stderr == ""
    assert (tmp_path / "ran.txt").read_text() == "once\n"
    simulate(tmp_path / "one", SMALL)
    assert (tmp_path / "one" / "manifest.csv").read_bytes() == (tmp_path / "two" / "manifest.csv").read_bytes()


def test_a_script_without_a_guard_runs_a_plan_of_its_own_kind_in_one_process(tmp_path: Path) -> None:
    process = script(
        tmp_path,
        """
        from pathlib import Path
        from facewarden.experiments.engine.executor import run_cells
        from facewarden.experiments.engine.kind import PlanCell
        from stand_in_kind import Draws
        class Mine(Draws):
            pass
        for kind, folder in ((Draws(), "theirs"), (Mine(), "mine")):
            cells = kind.cells({"seeds": [0, 1]}, root=Path(folder))
            Path(folder).mkdir()
            kind.prepare({}, root=Path(folder))
            found = run_cells(kind, "draws", cells, root=Path(folder), workers=2)
            print(len(found.done), len(found.failed))
        """,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == "2 0\n2 0\n"
    assert process.stderr.count("working in one process") == 1


def test_simulation_falls_back_to_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no semaphores here")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        made = simulate(tmp_path / "set", SMALL, workers=2)
    assert len(made.manifest) == 8
    notes = [record.getMessage() for record in caplog.records if record.name == "facewarden"]
    assert len(notes) == 1
    assert "one process" in notes[0]
    assert "no semaphores here" in notes[0]


def test_a_pool_whose_process_was_killed_ends_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_task", die)
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        made = simulate(tmp_path / "set", SMALL, workers=2)
    assert len(made.manifest) == 8
    assert [record.name for record in caplog.records].count("facewarden") == 1


def test_a_plan_falls_back_to_one_process_and_keeps_what_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoServer:
        def set_forkserver_preload(self, names: list[str]) -> None:
            assert names

        def Process(self, **_: object) -> NoServer:
            return self

        def start(self) -> None:
            raise OSError("no processes here")

    kind = Draws()
    settings = {"seeds": [0, 1, 2], "bad": {"0": "raise"}, "after": {"1": [0]}}
    cells = kind.cells(settings, root=tmp_path)
    kind.prepare(settings, root=tmp_path)
    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda _: NoServer())
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        found = run_cells(kind, "draws", cells, root=tmp_path, workers=2)
    assert [failure.cell.name for failure in found.failed] == ["seed 0", "seed 1"]
    assert [result.cell.name for result in found.done] == ["seed 2"]
    assert [record.name for record in caplog.records].count("facewarden") == 1


def test_what_only_the_script_knows_is_told_apart() -> None:
    assert not needs_main(Draws())
    assert needs_main(lambda: None)
    made = type("Local", (), {"__module__": "__main__"})
    assert needs_main(made())


def _family(pid: int) -> set[int]:
    """Processes below one, at any depth."""
    below: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                below |= {int(path.parent.name), *_family(int(path.parent.name))}
    return below


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("verb", ["simulate", "bench"])
def test_workers_end_with_their_killed_parent(tmp_path: Path, verb: str) -> None:
    script = {
        "simulate": """
            from pathlib import Path
            from facewarden.data.simulate import Simulation, simulate
            simulate(Path("out"), Simulation(subjects=400, captures_per_subject=8, size=96), workers=2)
        """,
        "bench": """
            from pathlib import Path
            from facewarden.experiments.engine.executor import run_cells
            from stand_in_kind import Draws
            kind, root = Draws(), Path("out")
            root.mkdir()
            kind.prepare({}, root=root)
            cells = kind.cells({"seeds": [0, 1, 2], "sleep": 60.0}, root=root)
            run_cells(kind, "draws", cells, root=root, workers=2)
        """,
    }[verb]
    (tmp_path / "script.py").write_text(f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n" + textwrap.dedent(script))
    process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wanted = {"simulate": "captures", "bench": "cells"}[verb]
    ends = time.monotonic() + 60
    while not list(tmp_path.glob(f"out/{wanted}/*/*")) and time.monotonic() < ends:
        time.sleep(0.05)
    family = _family(process.pid)
    assert len(family) >= 2
    process.kill()
    process.wait()
    ends = time.monotonic() + 2
    alive = family
    while alive and time.monotonic() < ends:
        time.sleep(0.05)
        alive = {pid for pid in alive if _state(pid) not in ("Z", "")}
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert not alive


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_pool_that_is_left_by_an_exception_ends_at_once() -> None:
    started = time.monotonic()

    def stopped() -> None:
        with worker_pool(1) as pool:
            pool.submit(time.sleep, 60)
            pool.submit(time.sleep, 60)
            time.sleep(0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.monotonic() - started < 20
