"""Structured logs, one JSON object a line, and the log of actions; neither holds pixels, names of photos or secrets."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from facewarden.core.errors import BadInputError

_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


def open_log(*, stream: Any = None, level: int = logging.INFO) -> Any:
    """Return the logger of the service, and let uvicorn log through the same lines.

    Args:
        stream: a text stream, standard error when left out.
        level: of logging.
    """
    target = sys.stderr if stream is None else stream
    shared = _shared()
    handler = _handler(target)
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING if name == "uvicorn.access" else level)
    return structlog.wrap_logger(
        structlog.WriteLogger(target),
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


@contextmanager
def facewarden_in_lines(*, stream: Any = None) -> Iterator[None]:
    """Let facewarden itself log through the same lines, in place of those of a command, while a process serves.

    Args:
        stream: a text stream, standard error when left out.
    """
    logger = logging.getLogger("facewarden")
    before = logger.handlers
    logger.handlers = [_handler(sys.stderr if stream is None else stream)]
    try:
        yield
    finally:
        logger.handlers = before


def _shared() -> list[Any]:
    return [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]


def _handler(target: Any) -> logging.Handler:
    """Writes what other libraries log as JSON, a line each."""
    made = logging.StreamHandler(target)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), _without_message],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    return made


class ActionLog:
    """Who did what and when, one JSON object a line, appended to a file that nothing here ever shortens.

    Args:
        path: the file; only its owner may read it.

    Raises:
        BadInputError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(b"")
        except OSError as error:
            raise BadInputError(f"{path}: cannot be written: {error}", hint="--data FOLDER") from error

    def add(self, action: str, *, by: str = "", **about: str | int | float) -> None:
        """Write one line.

        Args:
            action: such as audit.submit.
            by: public part of a key; empty where none was needed.
            about: numbers and identities; no name of a photo.

        Raises:
            OSError: the disk is full or away; what was asked for is then not done.
        """
        line = json.dumps(
            {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "action": action, "by": by, **about}
        )
        self._append(f"{line}\n".encode())

    def _append(self, line: bytes) -> None:
        """Write in one piece, to the file that has the name now: somebody may have rotated it."""
        with self._lock:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(handle).st_size
                torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"  # by a kill, or a disk that was full
                whole = b"\n" + line if torn and line else line
                if os.write(handle, whole) != len(whole):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            finally:
                os.close(handle)


def _without_message(_: Any, __: str, event: Any) -> Any:
    """Of an error that another library logs: where it was, without its message."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else None
    return event if error is None else {**event, **where_of(error)}


def where_of(error: BaseException) -> dict[str, object]:
    """An unexpected error for the log: its type and the lines that led to it; messages may hold names of photos."""
    lines = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "error": type(error).__name__,
        "where": [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in lines],
    }
