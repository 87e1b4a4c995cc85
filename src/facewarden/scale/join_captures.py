"""Shards of simulated captures as one set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.data.manifest import Manifest
from facewarden.data.manifest_columns import parse_row
from facewarden.data.simulate.sheet import write_sheet
from facewarden.evaluation.simulated_captures import shown_captures
from facewarden.scale.placing import place_below, place_equal, places_of
from facewarden.scale.record import ShardRecord


def join_captures(records: Sequence[ShardRecord], out: Path) -> Path:
    """Place the captures of all people in one folder, with one manifest and one contact sheet.

    Args:
        records: of all shards, checked.
        out: the folder.

    Returns:
        The manifest.
    """
    for name in ("card.json", "README.md"):
        place_equal(records, name, out)
    for record in records:
        place_below(record.home / "captures", out / "captures")
        place_below(record.home / "rows", out / "rows")
    rows = []
    for subject in sorted(places := places_of(records), key=places.__getitem__):
        path = out / "rows" / f"{subject}.json"
        try:
            rows += [parse_row(cells) for cells in read_json_bounded(path)]
        except (OSError, json.JSONDecodeError) as error:
            raise BadInputError(f"{path}: cannot be read: {error}", hint="run its shard again") from error
    manifest = Manifest(tuple(rows), root=out, name=out.absolute().name)
    if len(manifest):
        write_sheet(out / "sheet.png", shown_captures(manifest))
    manifest.write(out / "manifest.csv")
    return out / "manifest.csv"
