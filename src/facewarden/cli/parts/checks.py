"""What can be refused before anything heavy is imported: names that no registry has, paths that are not there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.registry import list_entries, nearest
from facewarden.core.sources.grammar import check_source, is_there


def check_detectors(names: Iterable[str]) -> None:
    """Refuse a detector that is neither an entry, nor a path that is there."""
    _check("pad", names)


def check_recognizers(names: Iterable[str]) -> None:
    """Refuse a recognizer that is neither an entry, nor a path that is there."""
    _check("recognizers", names)


def check_purifiers(names: Iterable[str]) -> None:
    """Refuse a purifier that is neither an entry, nor a path that is there."""
    _check("purifiers", names)


def check_attack(name: str) -> None:
    """Refuse an attack that is no entry."""
    known = [entry.name for entry in list_entries("attacks")]
    if name not in known:
        raise UnknownEntryError(f"attacks has no entry {name!r}{nearest(name, known)}", hint="facewarden list attacks")


def check_sets(names: Iterable[str | None]) -> None:
    """Refuse captures or photos of people that are neither a set with its folder, nor a path that is there."""
    _check("datasets", (name for name in names if name is not None))


def check_path(path: Path | None) -> None:
    """Refuse a file or folder that is not there."""
    if path is not None and not is_there(str(path)):
        raise BadInputError(f"{path}: no such file or folder", hint="facewarden help sources")


def _check(group: str, names: Iterable[str]) -> None:
    for name in names:
        check_source(group, name)
