"""Progress that costs the caller one line: functions report, whoever runs them decides how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Sink(Protocol):
    """Something that shows progress."""

    def update(self, label: str, done: int, total: int | None, unit: str) -> None:
        """Called at the start (`done` 0) and after every item.

        Args:
            label: what is being done.
            done, total: how many; `total` is None where nobody knows.
            unit: of what, in the plural; may be empty.
        """


_SINK: ContextVar[Sink | None] = ContextVar("facewarden_progress", default=None)


@contextmanager
def shown_by(sink: Sink) -> Iterator[None]:
    """Show the progress of everything inside the `with` block by this sink."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


_SINGLE = {"people": "person", "batches": "batch"}
"""Words whose singular is more than their plural without the s."""


def track(
    items: Iterable[T],
    *,
    label: str,
    total: int | None = None,
    unit: str = "",
    size: Callable[[T], int] | None = None,
) -> Iterator[T]:
    """Yield the items and report how many are done.

    Args:
        items: anything iterable.
        label: what is being done, for a person to read.
        total: how many there are, where `items` cannot tell; in units of `size` where that is given.
        unit: what is counted, in the plural: "captures".
        size: how many units an item holds, such as `len` for batches of samples; one each when left out.
    """
    sink = _SINK.get()
    if sink is None:
        yield from items
        return
    count = len(items) if total is None and size is None and isinstance(items, Sized) else total
    unit = _SINGLE.get(unit, unit.removesuffix("s")) if count == 1 else unit
    sink.update(label, 0, count, unit)
    done = 0
    for item in items:
        yield item
        done += 1 if size is None else size(item)
        sink.update(label, done, count, unit)
    if count is not None and done < count:  # what could not be read was in no batch
        sink.update(label, count, count, unit)
