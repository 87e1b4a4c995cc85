"""Progress that costs the caller one line: functions report, whoever runs them decides how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Sink(Protocol):
    """Something that shows progress."""

    def update(self, label: str, done: int, total: int | None) -> None:
        """Called at the start (`done` 0) and after every item."""


_SINK: ContextVar[Sink | None] = ContextVar("facewarden_progress", default=None)


@contextmanager
def shown_by(sink: Sink) -> Iterator[None]:
    """Show the progress of everything inside the `with` block by this sink."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


def track(items: Iterable[T], *, label: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and report how many are done.

    Args:
        items: anything iterable.
        label: what is being done, for a person to read.
        total: how many there are, where `items` cannot tell.
    """
    sink = _SINK.get()
    if sink is None:
        yield from items
        return
    count = len(items) if total is None and isinstance(items, Sized) else total
    sink.update(label, 0, count)
    for done, item in enumerate(items, start=1):
        yield item
        sink.update(label, done, count)
