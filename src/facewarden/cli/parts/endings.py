"""How a command may end: exit codes for closed pipes, full disks and stops, at any moment, and inert text."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress

OK, INTERRUPTED, UNWRITABLE = 0, 130, 74
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# C0 and C1 controls but newline and tab, what turns the direction of text, and bytes that are not UTF-8
_ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def guarded(run: Callable[[], int]) -> int:
    """Run a command line and return its exit code, also where the output ends before the program does.

    Args:
        run: gives the exit code.

    Returns:
        The code; 0 where a reader closed the pipe, 130 after Ctrl-C, 74 where the output cannot be written.
    """
    try:
        code = run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `facewarden list | head`
        _silence()
        return OK
    except KeyboardInterrupt:
        _say("facewarden: stopped")
        return INTERRUPTED
    except OSError as error:
        if not is_full(error):
            raise
        _say(f"facewarden: the output cannot be written: {error.strerror}\n  -> free space, or write elsewhere")
        _silence()
        return UNWRITABLE


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is a full disk or a limit on the size of files."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        error = error.__cause__
    return False


def inert(text: str) -> str:
    """Text from outside for a terminal: control characters and direction marks show as escapes."""
    return _ACTIVE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # the other stream may be closed as well
        print(text, file=sys.stderr)


def _silence() -> None:
    """Let what Python flushes at its end go nowhere instead of raising."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
