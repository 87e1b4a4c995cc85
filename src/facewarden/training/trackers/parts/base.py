"""The role of a tracker, and how several of them follow one training without being able to stop it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from facewarden.core.errors import BadInputError
from facewarden.core.registry import nearest
from facewarden.training.parts.epochs import watching

_LOG = logging.getLogger("facewarden")
_FOLDER = Path(__file__).parent.parent


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a training.

    Attributes:
        folder: where it keeps what it writes on this machine.
        name: of the training.
        settings: recipe and seed, as JSON values.
        first: epochs that an earlier try of a resumed training has told already.
    """

    folder: Path
    name: str
    settings: Mapping[str, Any]
    first: int = 0


class Tracker(ABC):
    """Writes numbers of epochs to a store.

    Args:
        run: the training.

    Attributes:
        needs: module that must be installed.
    """

    needs: ClassVar[str]

    @abstractmethod
    def __init__(self, run: TrackedRun) -> None: ...

    @abstractmethod
    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch, counted from 1."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left, and end."""


def tracker_names() -> tuple[str, ...]:
    """Names of the trackers, by their files."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "__init__"))


def check_trackers(names: Sequence[str]) -> None:
    """Refuse a tracker that there is none of, or whose program is not installed.

    Raises:
        BadInputError: with the next thing to type.
    """
    known = tracker_names()
    for name in names:
        if name not in known:
            raise BadInputError(f"no tracker {name!r}{nearest(name, known)}", hint=f"--track {', '.join(known)}")
        if find_spec(_class(name).needs) is None:
            raise BadInputError(f"--track {name} needs {_class(name).needs}", hint="pip install 'facewarden[tracking]'")


@contextmanager
def tracked(names: Sequence[str], run: TrackedRun) -> Iterator[None]:
    """Tell trackers of every epoch of a training inside of the block.

    One that fails is told in a warning and left out from then on: no store may stop a training.

    Args:
        names: of the trackers.
        run: the training.
    """
    open_ones: dict[str, Tracker] = {}
    for name in names:
        with _guarded(name, open_ones):
            folder = run.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            open_ones[name] = _class(name)(TrackedRun(folder, run.name, run.settings, run.first))

    def watch(line: Mapping[str, Any]) -> None:
        step = int(line["epoch"])
        values = {name: float(value) for name, value in line.items() if isinstance(value, int | float)}
        for name in tuple(open_ones):
            with _guarded(name, open_ones):
                open_ones[name].write(step, values)

    try:
        with watching(watch):
            yield
    finally:
        for name in tuple(open_ones):
            with _guarded(name, open_ones):
                open_ones[name].close()


@contextmanager
def _guarded(name: str, open_ones: dict[str, Tracker]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a program of others may fail in any way, and the training goes on
        _LOG.warning("tracker %s is left out from now on: %s: %s", name, type(error).__name__, error)
        lost = open_ones.pop(name, None)
        with suppress(Exception):
            if lost is not None:
                lost.close()


def _class(name: str) -> type[Tracker]:
    found: type[Tracker] = import_module(f"facewarden.training.trackers.{name}").entry
    return found


def plain_settings(settings: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level, keys joined by dots."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        found |= plain_settings(value, prefix=f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found
