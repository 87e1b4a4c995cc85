"""The registry: the file name is the entry, and listing imports nothing.

A plug-in is one file in one of the folders of `GROUPS`; its module docstring is its description and the module ends
with `entry = X`, the class or object that the file is about. Files of other distributions join through an entry point
of the group `facewarden.<group>` whose value is the module, e.g. in their `pyproject.toml`:

    [project.entry-points."facewarden.attacks"]
    my_attack = "my_package.my_attack"
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from facewarden.core.errors import ContractError, FacewardenError, UnknownEntryError

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "pad": "pad",
        "recognizers": "recognizers",
        "attacks": "attacks",
        "purifiers": "purifiers",
        "align": "align",
        "datasets": "data.datasets",
        "protocols": "data.protocols",
        "objectives": "training.objectives",
        "assets": "assets",
        "plans": "experiments.plans",
    }
)
"""Registry group -> package below `facewarden` that holds its files."""

SHOWN: Mapping[str, str] = MappingProxyType({"pad": "detectors", "plans": "plan-kinds"})
"""Registry group -> its list in `facewarden list`, where that has another name."""

_ONE = {"pad": "detector", "align": "aligner", "plans": "kind of plan"}

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Entry:
    """One registered file: where it is and its first docstring line, known without importing it."""

    group: str
    name: str
    module: str
    summary: str
    origin: str


def list_entries(group: str) -> tuple[Entry, ...]:
    """List every entry of a group, sorted by name, without importing any of them.

    Args:
        group: a key of `GROUPS`.

    Raises:
        UnknownEntryError: there is no such group.
    """
    return tuple(
        Entry(group, name, module, _summary(source_path(module) if path is None else path), origin)
        for name, (module, path, origin) in sorted(_modules(group).items())
    )


def load(group: str, name: str) -> Any:
    """Import one entry and return the `entry` object that its file ends with.

    Args:
        group: a key of `GROUPS`.
        name: an entry's name, as `facewarden list` shows it.

    Raises:
        UnknownEntryError: no such group or name; the message offers the nearest names.
        ContractError: the file cannot be imported or does not end with `entry = ...`.
    """
    modules = _modules(group)
    if name not in modules:
        raise UnknownEntryError(
            f"no {one_of(group)} {name!r}" + nearest(name, modules), hint=f"facewarden list {list_of(group)}"
        )
    path, _, origin = modules[name]
    try:
        module = importlib.import_module(path)
    except FacewardenError:
        raise
    except (Exception, SystemExit) as error:  # a plug-in may fail in any way; say whose fault it is
        raise ContractError(
            f"{group} entry {name!r}: {path} of {origin} cannot be imported: {error!r}",
            hint="install what it needs, or remove the plug-in",
        ) from error
    try:
        return module.entry
    except AttributeError:
        raise ContractError(f"{path} defines no `entry`", hint="end the file with: entry = TheClass") from None


def _modules(group: str) -> dict[str, tuple[str, Path | None, str]]:
    """Name of each entry -> its module, its file where that is in this package, and who it comes from."""
    package = _package(group)
    folder = _ROOT.joinpath(*package.split("."))
    modules: dict[str, tuple[str, Path | None, str]] = {
        path.stem: (f"facewarden.{package}.{path.stem}", path, "facewarden")
        for path in folder.glob("*.py")
        if not path.stem.startswith("_")
    }
    for point in _entry_points(tuple(sys.path)).get(group, ()):
        if point.name in modules:
            raise ContractError(
                f"{group} entry {point.name!r} of {point.value} has the name of {modules[point.name][0]}",
                hint="rename the entry point; a name belongs to one file",
            )
        modules[point.name] = (point.value, None, point.dist.name if point.dist else "unknown")
    return modules


@lru_cache(maxsize=8)
def _entry_points(search_path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points of every group in all distributions on a search path; one group takes as long to read: 50 ms."""
    read: Any = entry_points()
    return {group: tuple(read.select(group=f"facewarden.{group}")) for group in GROUPS}


def _package(group: str) -> str:
    if group not in GROUPS:
        raise UnknownEntryError(f"no registry {group!r}" + nearest(group, GROUPS), hint="facewarden list")
    return GROUPS[group]


def list_of(group: str) -> str:
    """What `facewarden list` calls a group."""
    return SHOWN.get(group, group)


def one_of(group: str) -> str:
    """What a person calls one entry of a group: detector, recognizer …"""
    return _ONE.get(group, group.removesuffix("s"))


def nearest(name: str, known: Iterable[str]) -> str:
    """The names that a person may have meant, as the end of a message; all of them where none is near.

    Args:
        name: as typed.
        known: the names that there are.
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known: {', '.join(sorted(known))}"


def source_path(module: str) -> Path | None:
    """The file of a module, found without importing it; None where there is none.

    Args:
        module: dotted name, as in `Entry.module`.
    """
    # `find_spec` of a dotted name would run its package, so only the first part goes through it
    package, *parts = module.split(".")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not parts:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        stem = Path(folder, *parts)
        for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


def _summary(path: Path | None) -> str:
    try:
        if path is None or not path.is_file():
            return "(its module cannot be found)"
        return _first_line(path, path.stat().st_mtime_ns)
    except (OSError, ValueError) as error:  # not UTF-8, or null bytes
        return f"(cannot be read: {error})"


@lru_cache(maxsize=512)
def _first_line(path: Path, changed: int) -> str:
    """The first line of a file's docstring; parsed once as long as the file does not change."""
    try:
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except SyntaxError as error:
        return f"(cannot be parsed: line {error.lineno})"
    return doc.splitlines()[0] if doc else "(no docstring)"
