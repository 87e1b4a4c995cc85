"""Locks of output folders: two processes, threads, kills, and what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import LOCK, hold, locking
from facewarden.core.run import RunFolder
from facewarden.data.table import check_target

HOLDER = """
import sys
from pathlib import Path
from facewarden.core.guards.lock import hold
lock = hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds a folder until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_which_one_holds_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with holder(out) as process:
        for write in (lambda: hold(out), lambda: RunFolder(out, recipe={})):
            with pytest.raises(BadInputError, match=rf"another process \({process.pid}, started \d{{4}}-") as caught:
                write()
            assert "--out" in caught.value.hint
        assert not (out / "recipe.json").exists()  # nothing was written before the lock
        process.communicate("")
    hold(out).release()
    assert not out.exists()  # made for the lock alone


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / LOCK).is_file()
    lock = hold(tmp_path)
    assert str(os.getpid()) in (tmp_path / LOCK).read_text()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_verb_holds_its_folder_until_it_ends_and_may_ask_twice(tmp_path: Path) -> None:
    @locking
    def verb(*, fail: bool) -> None:
        assert hold(tmp_path) is hold(tmp_path)
        run = RunFolder(tmp_path / "run", recipe={}, resume=True)
        assert run.path.joinpath(LOCK).exists()
        if fail:
            raise BadInputError("x")

    verb(fail=False)
    with pytest.raises(BadInputError, match="x"):
        verb(fail=True)
    assert not (tmp_path / LOCK).exists()
    assert not (tmp_path / "run" / LOCK).exists()


def test_another_thread_of_this_process_is_refused(tmp_path: Path) -> None:
    lock = hold(tmp_path)
    said: list[str] = []

    def second() -> None:
        try:
            hold(tmp_path)
        except BadInputError as error:
            said.append(error.message)

    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    lock.release()
    assert len(said) == 1
    assert "another thread" in said[0]


def test_a_table_has_a_lock_of_its_own(tmp_path: Path) -> None:
    @locking
    def verb() -> None:
        check_target(tmp_path / "a.csv")
        check_target(tmp_path / "b.csv")
        assert len(list(tmp_path.glob(".*.lock"))) == 2

    verb()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="cannot be written"):
        hold(tmp_path / "file" / "out")
