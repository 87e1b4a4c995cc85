"""Run a plan of experiments: resumable cells, and their summary as Markdown, LaTeX and JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facewarden.core import registry
from facewarden.core.compute.computing import computes, placement
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_unfinished, shard_call, share
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.identity.inputs import check_inputs
from facewarden.core.run import provenance
from facewarden.core.settings import SettingError
from facewarden.data.results import Result
from facewarden.experiments.engine.estimate import PlanEstimate
from facewarden.experiments.engine.executor import (
    CellOutcomes,
    Failure,
    cell_groups,
    cell_keys,
    cell_origins,
    run_cells,
)
from facewarden.experiments.engine.kind import PlanCell, PlanKind, Summary
from facewarden.experiments.engine.plan_file import FOLDER, PlanFile, read_plan
from facewarden.experiments.engine.summary import write_summary
from facewarden.scale.record import sharded

RUNS = Path("runs")


@dataclass(frozen=True, repr=False)
class BenchResult(Result):
    """A plan that ran.

    Attributes:
        summary: what was found; None when every cell failed.
        page: the Markdown file; where nothing was run, or a shard, the place of it.
        failed: cells without a result.
        cells: how many there are.
        estimate: what they would cost, where nothing was run.
    """

    summary: Summary | None
    page: Path
    failed: tuple[Failure, ...]
    cells: int
    estimate: PlanEstimate | None = None


@computes
@sharded("bench", of="cells", apart=("plan", "dry_run"))
def bench(
    plan: PathLike,
    /,
    *,
    out: PathLike | None = None,
    resume: bool = False,
    workers: int = 1,
    dry_run: bool = False,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
) -> BenchResult:
    """Run a plan's cells and write its summary; exit code 1 when a cell failed.

    Cells that are done are not run again; they are known by their settings, so a plan may grow between two runs.

    Args:
        plan: name of a plan of the package, or the path of a YAML file.
        out: folder to write; runs/NAME when left out.
        resume: go on with a folder that is there already; the numbers are those of an unbroken run.
        workers: processes; each has a GPU of its own where there are several, and one thread on the CPU.
        shard: I/N, such as 1/8: only this share of the cells, for `merge`; cells that need each other stay together;
            left out, all.
        dry_run: run nothing: say how many cells there are, and, where the kind can tell, hours on this device and disk.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the plan and each model's settings say, float32 for most.

    Raises:
        BadInputError, UnknownEntryError: the plan cannot be used (its file and line are named), or the folder holds a
            run and `resume` was not given.
    """
    read = read_plan(os.fspath(plan))
    kind, folder = kind_of(read), RUNS / read.path.stem if out is None else path_of(out)
    if dry_run:
        cells = checked_cells(read, kind=kind, root=folder)
        told = kind.estimate(read.settings, root=folder)
        return BenchResult(None, folder / "summary.md", (), len(cells), told)
    return run_plan(read, kind, out=folder, resume=resume, workers=workers)


def kind_of(read: PlanFile) -> PlanKind:
    """The kind of experiment that a plan names.

    Raises:
        FacewardenError: there is none of that name; file and line are named.
    """
    try:
        kind: PlanKind = registry.load("plans", read.kind)()
    except FacewardenError as error:
        raise read.located(error, at=("kind",)) from error
    return kind


def checked_cells(read: PlanFile, *, kind: PlanKind | None = None, root: Path) -> Sequence[PlanCell]:
    """Check a plan and return its cells, without computing anything.

    Args:
        read: the plan.
        kind: its own by default.
        root: folder of the run.

    Raises:
        FacewardenError: a setting cannot be used, or there are no cells; file and line are named.
    """
    found = kind or kind_of(read)
    try:
        cells = found.cells(read.settings, root=root)
    except FacewardenError as error:
        raise read.located(error) from error
    if not cells:
        raise BadInputError(f"{read.path}:1: the plan has no cells", hint="look at its lists")
    return cells


@locking
def run_plan(
    read: PlanFile, kind: PlanKind, *, out: Path, resume: bool = False, workers: int = 1, command: str | None = None
) -> BenchResult:
    """Run a plan that was read already with a kind that was loaded already; arguments as of `bench`.

    Args:
        read, kind, out, resume, workers: see `bench`.
        command: what the summary names; by default that of `bench`.
    """
    cells = checked_cells(read, kind=kind, root=out)
    hold(out)
    with _writable(out):
        _open(out, read, resume=resume)
    try:
        inputs = kind.inputs(read.settings)
        with _writable(out):
            check_inputs(out, inputs)
            _note_plan(out, read, cells, code=kind.code)  # after the check: a folder that is refused stays as it was
        kind.prepare(read.settings, root=out)
    except SettingError as error:
        raise read.located(error) from error
    keys = cell_keys(cells, read.kind, code=kind.code, precision=placement().precision)
    groups = cell_groups(cells)
    mine = share(cells, lambda cell: keys[cell.name], of="cells", group=lambda cell: keys[groups[cell.name]])
    outcome = run_cells(kind, read.kind, mine, root=out, workers=workers)
    _note_plan(out, read, cells, code=kind.code)
    own = f"facewarden bench {read.path.stem if read.path.parent == FOLDER else read.path.name}"
    command = own if command is None else command
    if placement().precision is not None:
        command += f" --precision {placement().precision}"
    if (call := shard_call("cells")) is not None:
        call.more["command"] = command
        if outcome.failed:
            note_unfinished(f"{len(outcome.failed)} cells failed, first {outcome.failed[0].cell.name}")
        return BenchResult(None, out / "summary.md", outcome.failed, len(mine))
    return summarize(read, kind, outcome, out=out, command=command, cells=len(cells))


def summarize(
    read: PlanFile, kind: PlanKind, outcome: CellOutcomes, *, out: Path, command: str, cells: int
) -> BenchResult:
    """Write the summary of a plan's cells.

    Args:
        read, kind: the plan.
        outcome: of its cells.
        out: folder of the run.
        command: that makes it again.
        cells: how many there are.
    """
    if not outcome.done:
        summary = Summary(f"Plan {read.path.stem}: every cell failed")
    else:
        summary = kind.summarize(read.settings, outcome.done)
    settings = {"kind": read.kind, **read.settings}
    page = write_summary(summary, out, command=command, settings=settings, failed=outcome.failed)
    return BenchResult(summary if outcome.done else None, page, outcome.failed, cells)


def _open(out: Path, read: PlanFile, *, resume: bool) -> None:
    held = out / "plan.json"
    if held.is_file() and not resume:
        raise BadInputError(f"{out} holds a run already", hint="--resume to go on with it, or another --out")
    try:
        if held.is_file() and (kind := read_json_bounded(held, limit="report_bytes").get("kind")) != read.kind:
            raise BadInputError(f"{out} holds a run of kind {kind!r}, not {read.kind!r}", hint="another --out")
        out.mkdir(parents=True, exist_ok=True)
    except (ValueError, AttributeError) as error:
        raise BadInputError(f"{held}: cannot be read: {error}", hint="another --out") from error


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInputError(f"{out}: cannot be written: {error}", hint="a writable folder: --out DIR") from error


def _note_plan(out: Path, read: PlanFile, cells: Sequence[PlanCell], *, code: int) -> None:
    """Write what the folder holds: a cell that an earlier call computed keeps that call's provenance."""
    asked = placement()
    keys = cell_keys(cells, read.kind, code=code, precision=asked.precision)
    about = {"kind": read.kind, "settings": read.settings, "cells": cell_origins(cells, keys, out),
             "provenance": provenance(asked.resolved())}  # fmt: skip
    write_json(out / "plan.json", about)
