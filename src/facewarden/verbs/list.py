"""What can be named: registered entries, recipes, plans and kinds of plans, found without importing any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from facewarden.core.errors import UnknownEntryError
from facewarden.core.registry import GROUPS, SHOWN, Entry, list_entries, list_of, nearest

_PACKAGE = Path(__file__).parent.parent
_RECIPES = (_PACKAGE / "training" / "recipes", _PACKAGE / "training" / "distill" / "recipes")
_PLANS = _PACKAGE / "experiments" / "plans"
_ALIASES = {"pad": "detectors"}
LISTS = (*(list_of(group) for group in GROUPS), "plans", "recipes")
"""Names of the lists, in the order in which they are printed."""


def list_(group: str = "", /) -> tuple[Entry, ...]:
    """List what can be named.

    Args:
        group: a name of `LISTS`, or pad for detectors; all of them when empty.

    Raises:
        UnknownEntryError: there is no such list.
    """
    name = _ALIASES.get(group, group)
    if name and name not in LISTS:
        raise UnknownEntryError(f"no list {group!r}{nearest(group, LISTS)}", hint="facewarden list")
    return tuple(entry for one in ([name] if name else LISTS) for entry in _entries(one))


def _entries(name: str) -> Iterator[Entry]:
    if name == "recipes":
        for folder in _RECIPES:
            for path in sorted(folder.glob("*.json")):
                yield _file_entry(name, path, str(json.loads(path.read_text(encoding="utf-8")).get("summary", "")))
    elif name == "plans":
        for path in sorted(_PLANS.glob("*.yaml")):
            first = path.read_text(encoding="utf-8").partition("\n")[0]
            yield _file_entry(name, path, first.removeprefix("#").strip())
    else:
        group = next((group for group, shown in SHOWN.items() if shown == name), name)
        yield from (replace(entry, group=name) for entry in list_entries(group))


def _file_entry(group: str, path: Path, summary: str) -> Entry:
    file = path.relative_to(_PACKAGE.parent).as_posix()
    return Entry(group, path.stem, file, summary or "(no summary)", "facewarden")
