"""Programs of others, pip and npm, end with the process that started them, and so does what they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facewarden.core.processes import following

FAMILY = (
    "import os, subprocess, sys, time; below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    "; print(os.getpid(), below.pid, flush=True); time.sleep(600)"
)
PARENT = """
import sys
from pathlib import Path
from facewarden.core.processes import following
with following([sys.executable, "-c", sys.argv[1]], folder=Path(".")) as process:
    print(process.pid, process.stdout.readline(), flush=True)
    process.wait()
"""


def gone(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_and_what_it_started_end_with_their_killed_parent(how: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, FAMILY], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    family = [int(word) for word in parent.stdout.readline().split()]
    assert len(family) == 3
    for pid in family:
        os.kill(pid, 0)
    parent.send_signal(how)
    parent.communicate()
    assert [pid for pid in family if not gone(pid)] == []


def test_npm_ends_with_a_killed_fetch(tmp_path: Path) -> None:
    (tmp_path / "npm").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid.part\nmv {tmp_path}/pid.part {tmp_path}/pid\n"
                                  "sleep 600\n")  # fmt: skip
    (tmp_path / "npm").chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FACEWARDEN_OFFLINE": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    command = [sys.executable, "-m", "facewarden", "fetch", "human_faceres", "--to", str(tmp_path / "mirror")]
    fetch = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    npm = int((tmp_path / "pid").read_text())
    os.kill(npm, 0)
    fetch.kill()
    fetch.wait()
    assert gone(npm)


def test_a_program_ends_with_the_block(tmp_path: Path) -> None:
    def stopped() -> None:
        with following([sys.executable, "-c", FAMILY], folder=tmp_path) as process:
            assert process.stdout is not None
            family.extend(int(word) for word in process.stdout.readline().split())
            raise RuntimeError

    family: list[int] = []
    with pytest.raises(RuntimeError):
        stopped()
    assert len(family) == 2
    assert [pid for pid in family if not gone(pid)] == []


@pytest.mark.parametrize(("body", "code"), [("print('said')", 0), ("raise SystemExit(6)", 6), ("import os, signal; "
                         "os.kill(os.getpid(), signal.SIGTERM)", 128 + signal.SIGTERM)])  # fmt: skip
def test_output_and_code_are_those_of_the_program(tmp_path: Path, body: str, code: int) -> None:
    with following([sys.executable, "-c", body], folder=tmp_path) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert output == ("said\n" if code == 0 else "")


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with following([str(tmp_path / "nothing")], folder=tmp_path) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 127
    assert "No such file" in output
