"""Exit codes where the output ends before the program does, and text from outside on a terminal."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from facewarden.cli import main
from facewarden.cli.parts.endings import guarded, is_full, unusable
from facewarden.core.errors import BadInputError
from facewarden.core.guards.text import inert

SOURCE = Path(__file__).resolve().parents[3] / "src"
COMMAND = [sys.executable, "-m", "facewarden"]


@pytest.fixture(autouse=True)
def _stops_are_heard() -> Iterator[None]:
    """Programs hear Ctrl-C also where the tests run under nohup or behind &, which ignore it for what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


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


def _stopped(arguments: list[str], after: float) -> tuple[int, str, float]:
    """Send a stop some seconds after the program's first line, or let it end; code, errors, and how long it ran."""
    script = (
        "import sys; print('first line', flush=True); import runpy; "
        f"sys.argv = ['facewarden', *{arguments!r}]; runpy.run_module('facewarden', run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", f"from facewarden.core.guards.interrupts import install; install(); {script}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        started = time.perf_counter()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors, time.perf_counter() - started


@pytest.mark.parametrize(
    "verb",
    [
        "list",
        pytest.param("score", marks=pytest.mark.slow),  # an empty folder: 2 when it is done
    ],
)
def test_a_stop_at_any_moment_of_the_start_is_130_without_a_traceback(tmp_path: Path, verb: str) -> None:
    seeded = random.Random(0)
    arguments = [verb, str(tmp_path)][: 1 + (verb == "score")]
    whole = min(_stopped(arguments, 60)[2] for _ in range(2))  # of this machine: a stop after the end is none
    codes = []
    for _ in range(8):
        after = seeded.random() * whole
        code, errors, _ = _stopped(arguments, after)
        assert "Traceback" not in errors, (arguments, after, errors)
        codes.append(code)
    assert set(codes) <= {0, 2, 130}
    assert codes.count(130) >= 2


def test_a_stop_that_an_import_turns_into_another_error_is_still_a_stop(tmp_path: Path) -> None:
    (tmp_path / "swallows.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    for _ in range(10**6): pass\n"
        "except BaseException as error:\n    raise ImportError('broken') from None\n"
    )
    (tmp_path / "callback.py").write_text(
        "import os, signal\nclass X:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGINT)\n"
        "        for _ in range(10**6): pass\nx = X()\ndel x\n"
    )
    for name in ("swallows", "callback"):
        done = subprocess.run(
            [sys.executable, "-c", "from facewarden.core.guards.interrupts import install; install();"
             "import sys; from facewarden.cli.parts.endings import guarded;"
             f"sys.exit(guarded(lambda: __import__({name!r}) and 0))"],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": f"{tmp_path}:{SOURCE}"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (130, "facewarden: stopped\n")


def test_a_closed_standard_error_is_not_the_next_file(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -m facewarden list purifiers 2>&-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "puface" in done.stdout


def test_unusable_files_are_bad_input_and_defects_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for error, words in (
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), "File name too long"),
        (ValueError("embedded null byte"), "NUL"),
        (MemoryError(), "memory"),
    ):
        says = unusable(error)
        assert says is not None
        assert words in says[0]
        assert len(says[0]) < 400
    assert unusable(ValueError("x")) is None
    assert unusable(OSError(errno.EPERM, "no file is named")) is None
    for arguments in (
        ["score", ""], ["score", "x" * 5000], ["data", "check", "x" * 5000], ["purify", "x" * 5000, "--out", "y"],
        ["report", "x" * 5000], ["bench", "x" * 5000 + ".yaml"],
        ["train", "x" * 5000 + ".json", "--out", str(tmp_path)],
        ["score", str(tmp_path), "--detector", "x" * 5000], ["score", str(tmp_path), "--out", "x" * 5000 + ".csv"],
    ):  # fmt: skip
        assert main(arguments) == 2, arguments
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert said.startswith("facewarden")


def test_a_full_disk_told_by_a_library_is_74() -> None:
    full = BadInputError("x: cannot be written")
    full.__cause__ = RuntimeError("I/O error: No space left on device (os error 28)")
    assert is_full(full)
    full.__cause__ = RuntimeError("I/O error: Permission denied (os error 13)")
    assert not is_full(full)


def test_a_name_that_is_not_utf8_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "nothing\udcff\x1b[2J"]) == 2
    said = capfd.readouterr().err
    assert r"nothing\udcff\x1b[2J" in said
    assert "\x1b" not in said


def test_a_name_with_a_line_break_is_no_line_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "x\n  -> type this\nfacewarden: all is well"]) == 2
    with pytest.raises(SystemExit) as ended:
        main(["score", str(tmp_path), "--device\x1b[2J", "\x1b[2J"])
    assert ended.value.code == 2
    assert main(["list", "\x1b[2J\u202e"]) == 2
    said = capsys.readouterr()
    assert "\x1b[2J" not in said.err + said.out
    assert "\u202e" not in said.err
    assert "\n  -> type this" not in said.err


@pytest.mark.parametrize("arguments", [["--samples", "9" * 400], ["--seed", "9" * 5000], ["--eps", "9" * 400]])
def test_numbers_of_hundreds_of_digits_are_bad_input(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.csv").write_text("key\n")
    try:
        code = main(["attack", str(tmp_path / "m.csv"), *arguments])
    except SystemExit as error:  # the parser's
        code = int(str(error.code))
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_code_of_others_that_calls_exit_ends_no_verb_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from facewarden.verbs import doctor as module

    def leaves(**_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr(module, "doctor", leaves)
    assert main(["doctor"]) == 2
    said = capsys.readouterr().err
    assert "test_endings.py:" in said
    assert "called exit(0) in the middle of the work" in said


def test_a_limit_that_is_no_number_is_told_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SECONDS", "abc")
    assert main(["doctor"]) == 2
    assert "FACEWARDEN_LIMIT_PICTURE_SECONDS is 'abc'" in capsys.readouterr().err


def test_the_program_ends_without_a_search_for_garbage() -> None:
    code = (
        "import gc, sys; sys.argv = ['facewarden', '--version']\n"
        "from facewarden.__main__ import run\n"
        "try: run()\n"
        "except SystemExit as ended: print(ended.code, gc.get_freeze_count() > 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "0 True"
