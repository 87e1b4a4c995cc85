"""Exit codes where the output ends before the program does, and text from outside on a terminal."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from facewarden.cli import main
from facewarden.cli.parts.endings import guarded, inert, is_full
from facewarden.core.errors import BadInputError

COMMAND = [sys.executable, "-m", "facewarden"]


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["--version"], ["evaluate", "--help"]])
def test_a_closed_pipe_is_no_error(arguments: list[str]) -> None:
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert errors == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_standard_output_is_74() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 74
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_stops_and_full_disks_have_codes_of_their_own() -> None:
    def raises(error: BaseException) -> int:
        raise error

    assert guarded(lambda: 1) == 1
    assert guarded(lambda: raises(KeyboardInterrupt())) == 130
    assert guarded(lambda: raises(BrokenPipeError())) == 0
    assert guarded(lambda: raises(OSError(errno.EFBIG, "File too large"))) == 74
    with pytest.raises(PermissionError):
        guarded(lambda: raises(PermissionError(errno.EACCES, "no")))
    wrapped = BadInputError("x: cannot be written")
    wrapped.__cause__ = OSError(errno.ENOSPC, "full")
    assert is_full(wrapped)
    assert not is_full(BadInputError("x"))


def test_text_from_outside_reaches_the_terminal_inert(capsys: pytest.CaptureFixture[str]) -> None:
    assert inert("gr\udce4u.png") == "gr\\udce4u.png"  # a name that is not UTF-8 can be printed everywhere
    assert inert("a\x1b[2Jb\u202ec\td\n") == "a\\x1b[2Jb\\u202ec\td\n"
    assert main(["sc\x1b[2Jore"]) == 2
    assert "\x1b" not in capsys.readouterr().err
