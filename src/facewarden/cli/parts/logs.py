"""Warnings and notes of the `facewarden` logger on standard error, `facewarden: text`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from facewarden.core.guards.text import inert, message


class _Once(logging.Filter):
    """Lets a line through once a command: several parts of it may open the same set."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        new = line not in self._shown
        self._shown.add(line)
        return new


class _Inert(logging.Formatter):
    """Lines in which nothing from outside acts on the terminal; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return message(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return inert(super().formatException(ei))


@contextmanager
def logs_on_stderr(arguments: Sequence[str]) -> Iterator[None]:
    """Show what facewarden logs while a command runs.

    Args:
        arguments: of the command line: `--quiet` shows errors alone, `-v` or `--verbose` everything.
    """
    logger = logging.getLogger("facewarden")
    before = logger.level, logger.propagate
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Once())
    handler.setFormatter(_Inert("facewarden: %(message)s"))
    quiet, verbose = "--quiet" in arguments, bool({"-v", "--verbose"} & set(arguments))
    logger.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
