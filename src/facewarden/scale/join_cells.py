"""Shards of a plan as one run, whose cells are all done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.registry import load
from facewarden.experiments.engine.executor import CellOutcomes, cell_keys, cell_origins, run_cells
from facewarden.experiments.engine.kind import CELLS, SHARED, PlanCell, PlanKind
from facewarden.experiments.engine.plan_file import PlanFile
from facewarden.scale.placing import place_below, place_equal
from facewarden.scale.record import ShardRecord

_PLAN = "plan.json"


@dataclass(frozen=True)
class JoinedCells:
    """A plan whose cells are all done.

    Attributes:
        read: the plan.
        kind: what ran it.
        cells: all of them.
        outcome: their results.
        command: that makes the run in one call.
    """

    read: PlanFile
    kind: PlanKind
    cells: Sequence[PlanCell]
    outcome: CellOutcomes
    command: str


def join_cells(records: Sequence[ShardRecord], out: Path) -> JoinedCells:
    """Place the cells of all shards in one folder, and read their results.

    Args:
        records: of all shards, checked.
        out: the folder.

    Raises:
        BadInputError: a shard's plan cannot be read, or a cell has no result.
    """
    plans = [_plan(record.home / _PLAN) for record in records]
    read = PlanFile(Path(_PLAN), plans[0]["kind"], plans[0]["settings"])
    kind: PlanKind = load("plans", read.kind)()
    for record in records:
        for key in record.items()[1]:
            place_below(record.home / CELLS / key, out / CELLS / key)
        place_below(record.home / SHARED, out / SHARED, missing_only=True)
    place_equal(records, "inputs.json", out)
    cells = kind.cells(read.settings, root=out)
    keys = cell_keys(cells, read.kind, code=kind.code, precision=placement().precision)
    if lost := [name for name, key in keys.items() if not (out / CELLS / key / "done.json").is_file()]:
        raise BadInputError(f"{len(lost)} cells have no result, first {lost[0]}", hint="run its shard again")
    outcome = run_cells(kind, read.kind, cells, root=out)  # reads what is done
    write_json(out / _PLAN, {**plans[0], "cells": cell_origins(cells, keys, out)})
    return JoinedCells(read, kind, cells, outcome, str(records[0].about["more"]["command"]))


def _plan(path: Path) -> Mapping[str, Any]:
    try:
        about = read_json_bounded(path, limit="report_bytes")
        if not isinstance(about, dict) or not isinstance(about["settings"], dict):
            raise ValueError("not a plan")
        return about
    except (OSError, ValueError, KeyError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="run the shard again") from error
