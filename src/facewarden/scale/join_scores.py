"""Shards of scores as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewarden.data.table import write_table
from facewarden.evaluation.score_table import FILE, NOTE
from facewarden.scale.placing import in_order, joined_tables, places_of
from facewarden.scale.record import ShardRecord


def join_scores(records: Sequence[ShardRecord], tables: Sequence[Path], out: Path) -> Path:
    """Write the scores of all shards in the order of one call.

    Args:
        records: of all shards, checked.
        tables: their scores.
        out: the table to write.

    Returns:
        `out`.
    """
    whole = joined_tables(tables, empty={NOTE: "", FILE: ""})
    places = places_of(records)
    captures = "n_faces" not in whole  # captures without a score follow the others

    def place(row: int) -> tuple[Any, ...]:
        return (captures and whole["score"][row] is None, places[whole["key"][row]])

    write_table(out, in_order(whole, sorted(range(len(whole["key"])), key=place)))
    return out
