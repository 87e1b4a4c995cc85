"""How a command may end: exit codes for closed pipes, full disks, stops and unusable files, at any moment."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress

from facewarden.core.guards import interrupts
from facewarden.core.guards.text import message

OK, BAD_INPUT, UNWRITABLE, INTERRUPTED = 0, 2, 74, interrupts.CODE
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_SPACE_TEXT = re.compile(rf"\(os error ({'|'.join(map(str, sorted(_NO_SPACE)))})\)")  # as libraries in Rust write it
_NO_MEMORY = re.compile("can't allocate memory|CUDA out of memory|Unable to allocate")  # as torch and numpy write it
_OF_A_FILE = frozenset({
    errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS,
    errno.EIO, errno.ESTALE, errno.ENXIO, errno.EMFILE, errno.ENOTEMPTY, errno.EILSEQ,
})  # fmt: skip


def guarded(run: Callable[[], int]) -> int:
    """Run a command line and return its exit code, also where the output ends before the program does.

    Args:
        run: gives the exit code.

    Returns:
        The code; 0 where a reader closed the pipe, 130 after Ctrl-C, 74 where the output cannot be written.
    """
    try:
        with interrupts.working():
            code = run()
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # `facewarden list | head`
        _silence()
        return OK
    except KeyboardInterrupt:
        _say("facewarden: stopped")
        return INTERRUPTED
    except Exception as error:
        if interrupts.seen():  # a stop in the middle of an import is told as a failed import
            _say("facewarden: stopped")
            return INTERRUPTED
        if not is_full(error):
            raise
        _say(f"facewarden: the output cannot be written: {_reason(error)}\n  -> free space, or write elsewhere")
        _silence()
        return UNWRITABLE


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is a full disk or a limit on the size of files."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        if _NO_SPACE_TEXT.search(str(error)):
            return True
        error = error.__cause__
    return False


def unusable(error: BaseException) -> tuple[str, str] | None:
    """A message and a hint for what is no defect of ours though nobody expected it; None where it is one.

    Args:
        error: a file that the system refuses, a name that cannot be one, or too little memory.
    """
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return "there is not enough memory", "fewer or smaller inputs, a smaller --batch, or fewer --workers"
    if isinstance(error, OSError) and error.errno in _OF_A_FILE and error.filename is not None:
        shown = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        return f"{shown}: cannot be used: {error.strerror}", "check the path and its permissions"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return "a file's name holds a NUL character", "a name without it"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "a name is not UTF-8 where it must be", "rename the file"
    return None


def _reason(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        error = error.__cause__
    return "no space left"


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # the other stream may be closed as well
        print(message(text), file=sys.stderr)


def _silence() -> None:
    """Let what Python flushes at its end go nowhere instead of raising."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
