"""List detectors, recognizers, attacks, purifiers, aligners, datasets, protocols, objectives, assets and plans."""

from __future__ import annotations

import json as _json
from dataclasses import asdict, dataclass

from facewarden.core.registry import GROUPS, Entry, list_entries


@dataclass(frozen=True)
class Listing:
    """Entries and how to print them."""

    entries: tuple[Entry, ...]
    json: bool


def list_(group: str = "", /, *, json: bool = False) -> Listing:
    """List registered entries without importing any of them.

    Args:
        group: pad, recognizers, attacks, purifiers, align, datasets, protocols, objectives, assets or plans; all if
            left out.
        json: print JSON instead of a table.
    """
    groups = [group] if group else list(GROUPS)
    return Listing(tuple(entry for name in groups for entry in list_entries(name)), json)


def show(listing: Listing) -> int:
    """Print the entries by group."""
    if listing.json:
        print(_json.dumps([asdict(entry) for entry in listing.entries], indent=2))
        return 0
    width = max((len(entry.name) for entry in listing.entries), default=0)
    group = ""
    for entry in listing.entries:
        if entry.group != group:
            print(("\n" if group else "") + entry.group)
            group = entry.group
        print(
            f"  {entry.name:<{width}}  {entry.summary}"
            + (f"  [{entry.origin}]" if entry.origin != "facewarden" else "")
        )
    return 0


entry = list_
