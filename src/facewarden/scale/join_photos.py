"""Shards of purified or cloaked photos as one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facewarden.core.files import write_bytes
from facewarden.data.table import write_table
from facewarden.data.text import named_file
from facewarden.photos.journal import lines_of
from facewarden.scale.placing import in_order, joined_tables, place_below, place_equal, place_file
from facewarden.scale.record import ShardRecord

_TABLE = {"purify": "purified.csv", "cloak": "cloaked.csv"}


def join_photos(records: Sequence[ShardRecord], out: Path, *, tables_only: bool = False) -> Path:
    """Place every photo of the shards' tables in one folder, with one table and one record to go on from.

    Args:
        records: of all shards, checked.
        out: the folder.
        tables_only: the photos are in their places already.

    Returns:
        The table.
    """
    verb = records[0].verb
    manifest = out / _TABLE[verb]
    whole = joined_tables(record.home / manifest.name for record in records)
    for record in records:
        table = joined_tables([record.home / manifest.name])
        for name in table["file"]:
            if name is not None and not tables_only:
                place_file(named_file(record.home, name), named_file(out, name))
    if verb == "purify":
        _journal(records, out)
        place_equal(records, "purified.source", out)
    else:
        for record in records:
            place_below(record.home / "record" / "stages", out / "record" / "stages")
        for name in ("recipe.json", "code.json", "inputs.json", "source"):
            place_equal(records, f"record/{name}", out)
    order = sorted(range(len(whole["source"])), key=lambda row: str(whole["source"][row]))
    write_table(manifest, in_order(whole, order))
    return manifest


def _journal(records: Sequence[ShardRecord], out: Path) -> None:
    """The journals as one, in the order in which one call would have written it."""
    lines: dict[int, bytes] = {}
    for record in records:
        held = lines_of(record.home / "purified.jsonl")
        lines |= {place: held[key] for place, key in zip(*record.items(), strict=True) if key in held}
    write_bytes(out / "purified.jsonl", b"".join(lines[place] for place in sorted(lines)))
