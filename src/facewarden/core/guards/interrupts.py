"""Ctrl-C at any moment of the program: code 130 and one line, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

CODE = 130


class _Stops:
    """The program's handler: it ends at once where nothing is under way, and raises once where a verb works."""

    def __init__(self) -> None:
        self.working = False
        self.seen = 0

    def __call__(self, *_: Any) -> None:
        self.seen += 1
        if self.working and self.seen == 1:
            raise KeyboardInterrupt
        leave()


_STOPS = _Stops()


def install() -> None:
    """Answer stops from now on, during imports too; for the program's first lines, never for a library."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # ignored under nohup: it stays so
        signal.signal(signal.SIGINT, _STOPS)
    sys.unraisablehook = _unraisable
    _open_streams()


@contextmanager
def working() -> Iterator[None]:
    """While a verb works, the first stop raises KeyboardInterrupt, so that it can tidy up; the second one ends it."""
    _STOPS.working = True
    try:
        yield
    finally:
        _STOPS.working = False


def seen() -> bool:
    """Whether a stop came: what fails after it fails because of it."""
    return _STOPS.seen > 0


def done() -> None:
    """Ignore stops from now on: the work is over, its code is known, and only Python itself still ends."""
    if signal.getsignal(signal.SIGINT) is _STOPS:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave() -> None:
    """End the process now."""
    with suppress(OSError):
        os.write(2, b"facewarden: stopped\n")
    os._exit(CODE)


def _unraisable(problem: Any) -> None:
    """A stop inside a callback would be printed as a traceback and forgotten."""
    if problem.exc_type is KeyboardInterrupt:
        leave()
    sys.__unraisablehook__(problem)


def _open_streams() -> None:
    """Open closed standard streams: the next file that is opened would become standard output or error."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.dup(1 if name == "stdout" else 2), "w"))
        elif hasattr(stream, "reconfigure"):  # a terminal that lacks a letter shows its number
            stream.reconfigure(errors="backslashreplace")
