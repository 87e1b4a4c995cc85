"""A line for each epoch: training loops say it, whoever watches hears it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Watch = Callable[[Mapping[str, Any]], None]
_WATCH: ContextVar[Watch | None] = ContextVar("facewarden_epochs", default=None)


def epoch_done(line: dict[str, Any]) -> dict[str, Any]:
    """Say the line of an epoch, and return it for the log."""
    watch = _WATCH.get()
    if watch is not None:
        watch(line)
    return line


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Hear the line of every epoch inside of the block."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)
