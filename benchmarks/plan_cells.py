"""Finished cells of a plan as one JSON file that can be committed, and back into a run's folder on another machine.

    python benchmarks/plan_cells.py pack RUN cells.json   # RUN of `facewarden bench PLAN --out RUN`, also while it runs
    python benchmarks/plan_cells.py unpack cells.json RUN # then: facewarden bench PLAN --out RUN --resume

Nothing is lost: what `unpack` writes is equal to what `pack` read. Parts that several cells share stand once, and a
list of single-precision numbers has no more digits than it needs. Crops, features and weights are not kept: where a
cell that is missing needs them, they are made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.files import write_json, write_text
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.run import DONE
from facewarden.experiments.engine.kind import CELLS

_SHARED, _SINGLE = "shared", "float32"
_LONG = 64
"""Entries from which a list of numbers is worth a mark, and a part of a result worth sharing."""


def pack(run: Path) -> dict[str, Any]:
    """Everything that finished cells of a run say; results of cells that write their numbers elsewhere are not here.

    Args:
        run: folder of the plan's run.
    """
    shared: dict[str, Any] = {}

    def mark(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: mark(part) for name, part in value.items()}
        if not isinstance(value, list) or len(value) < _LONG:
            return [mark(part) for part in value] if isinstance(value, list) else value
        if all(isinstance(one, float) for one in value):
            single = np.array(value, np.float32)
            if (single.astype(np.float64) == np.array(value)).all():
                return {_SINGLE: [float(str(one)) for one in single]}
            return value
        text = json.dumps(value, sort_keys=True)
        name = sha256(text.encode()).hexdigest()[:12]
        shared[name] = value
        return {_SHARED: name}

    cells = {path.parent.name: mark(read_json_bounded(path, limit="report_bytes"))
             for path in sorted((run / CELLS).glob(f"*/{DONE}"))}  # fmt: skip
    return {"cells": cells, "shared": shared}


def write_packed(run: Path, target: Path) -> int:
    """Write what `pack` finds; how many cells.

    Args:
        run: folder of the plan's run.
        target: the JSON file.
    """
    found = pack(run)
    write_text(target, json.dumps(found, sort_keys=True, separators=(",", ":")) + "\n")
    return len(found["cells"])


def unpack(held: dict[str, Any], run: Path) -> int:
    """Put cells into a run's folder; those that are there stay.

    Args:
        held: of `pack`.
        run: folder of the plan's run.

    Returns:
        How many were put.
    """
    put = 0
    for name, cell in held["cells"].items():
        marker = run / CELLS / name / DONE
        if not marker.exists():
            marker.parent.mkdir(parents=True, exist_ok=True)
            write_json(marker, _plain(cell, held["shared"].__getitem__))
            put += 1
    return put


def plain_cells(held: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> what a cell's file says, of what `pack` wrote.

    Args:
        held: of `pack`.
    """
    whole = [_plain(cell, held["shared"].__getitem__) for cell in held["cells"].values()]
    return {cell["name"]: cell for cell in whole}


def _plain(value: Any, shared: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_plain(part, shared) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {_SHARED}:
        return shared(value[_SHARED])
    if set(value) == {_SINGLE}:
        return np.array(value[_SINGLE], np.float32).tolist()
    return {name: _plain(part, shared) for name, part in value.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    asked = parser.parse_args()
    if asked.what == "pack":
        print(f"{write_packed(asked.source, asked.target)} cells, {asked.target.stat().st_size / 1e6:.1f} MB")
    else:
        print(f"{unpack(json.loads(asked.source.read_text(encoding='utf-8')), asked.target)} cells put")


if __name__ == "__main__":
    main()
