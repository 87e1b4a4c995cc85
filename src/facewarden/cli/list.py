"""List detectors, recognizers, attacks, purifiers, datasets, protocols, assets, recipes, plans and more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from facewarden.cli.parts.outcome import Outcome
from facewarden.verbs.list import list_ as listed


def list_(group: Annotated[str, "LIST"] = "", /) -> Outcome:
    """List what can be named, without importing any of it.

    Args:
        group: detectors (or pad), recognizers, attacks, purifiers, align, datasets, protocols, objectives, assets,
            plan-kinds, plans or recipes; all of them when left out.
    """
    entries = listed(group)
    width = max((len(entry.name) for entry in entries), default=0)
    lines: list[str] = []
    shown = ""
    for entry in entries:
        if entry.group != shown:
            lines += ([""] if shown else []) + [entry.group]
            shown = entry.group
        origin = f"  [{entry.origin}]" if entry.origin != "facewarden" else ""
        lines.append(f"  {entry.name:<{width}}  {entry.summary}{origin}")
    return Outcome([asdict(entry) for entry in entries], lines)


entry = list_
