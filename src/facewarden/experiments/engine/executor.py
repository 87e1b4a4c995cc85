"""The executor of plans: every cell once, in one process or several; resumes after a stop and after a failure."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import computing, placement
from facewarden.core.errors import BadInputError, ContractError, FacewardenError
from facewarden.core.files import remove_stale, write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.code_version import say_computed_anew
from facewarden.core.processes import (
    CANNOT_START,
    end_with_parent,
    fork_server,
    needs_main,
    note_one_process,
    without_main,
)
from facewarden.core.progress import track
from facewarden.core.run import DONE, provenance
from facewarden.experiments.engine.kind import CELLS, CellResult, PlanCell, PlanKind
from facewarden.experiments.engine.places import WorkerPlace, places_for

ERROR = "error.json"
_ORIGIN = ("code", "provenance")


@dataclass(frozen=True)
class Failure:
    """A cell without a result, and why.

    Attributes:
        cell: which.
        key: its id.
        message: why, in one paragraph.
        detail: the traceback where it was no error raised on purpose.
    """

    cell: PlanCell
    key: str
    message: str
    detail: str = ""


@dataclass(frozen=True)
class CellOutcomes:
    """Results of the cells, in their order."""

    done: tuple[CellResult, ...]
    failed: tuple[Failure, ...]


@locking
def run_cells(kind: PlanKind, name: str, cells: Sequence[PlanCell], *, root: Path, workers: int = 1) -> CellOutcomes:
    """Run the cells that are not done yet, on the device and in the precision of the call.

    Args:
        kind: what runs them; its class is importable by other processes.
        name: the kind's registry name, part of the ids.
        cells: all of the plan.
        root: the plan's folder; a cell's folder with a done-marker is not run again.
        workers: processes, see `facewarden.experiments.engine.places`; with 1 the cells run in this process.

    Raises:
        ContractError: two cells have one name or the same settings, or a cell needs one that there is not.
        BadInputError: another process works in this folder, or fewer than one worker was asked for.
    """
    if workers < 1:
        raise BadInputError(f"{workers} workers", hint="--workers 1, or more")
    keys = cell_keys(cells, name, code=kind.code, precision=placement().precision)
    folders = {cell.name: root / CELLS / keys[cell.name] for cell in cells}
    hold(root)
    remove_stale(root)
    _say_other_code(root / CELLS, name, kind.code)
    todo = [cell for cell in cells if not (folders[cell.name] / DONE).is_file()]
    alone = workers == 1 or not todo
    if not alone and needs_main((kind, todo)):
        note_one_process("the plan's kind is a class of the script itself, which other processes do not know")
        alone = True
    running = _here if alone else _elsewhere
    ended = running(kind, name, todo, folders, workers)
    failures: dict[str, Failure] = {}
    for cell, error in track(ended, label="plan", total=len(todo), unit="cells"):
        if error is not None:
            failures[cell.name] = Failure(cell, keys[cell.name], error["message"], error.get("detail", ""))
    done = [CellResult(cell, _result(folders[cell.name])) for cell in cells if cell.name not in failures]
    return CellOutcomes(tuple(done), tuple(failures[cell.name] for cell in cells if cell.name in failures))


def cell_keys(cells: Sequence[PlanCell], name: str, *, code: int = 1, precision: str | None = None) -> dict[str, str]:
    """Cell name -> id; a cell's id changes with those of the cells that it needs, so that nothing stale is resumed."""
    keys: dict[str, str] = {}
    owner: dict[str, str] = {}
    for cell in cells:
        if cell.name in keys:
            raise ContractError(f"two cells are named {cell.name!r}", hint="a cell's name says what is special in it")
        missing = [need for need in cell.needs if need not in keys]
        if missing:
            raise ContractError(f"cell {cell.name!r} needs {missing[0]!r}, which is not before it", hint="reorder")
        key = cell.key(name, needs=[keys[need] for need in cell.needs], code=code, precision=precision)
        if key in owner:
            raise ContractError(f"cells {owner[key]!r} and {cell.name!r} have the same settings", hint="drop one")
        keys[cell.name], owner[key] = key, cell.name
    return keys


def cell_groups(cells: Sequence[PlanCell]) -> dict[str, str]:
    """Cell name -> name of the first cell of its group: a cell, the cells that it needs, and those that they need."""
    first: dict[str, str] = {}
    for cell in cells:
        joined = {first[need] for need in cell.needs}
        head = min(joined, key=list(first).index) if joined else cell.name
        first = {name: head if group in joined else group for name, group in first.items()} | {cell.name: head}
    return first


def cell_origins(cells: Sequence[PlanCell], keys: Mapping[str, str], root: Path) -> dict[str, dict[str, Any]]:
    """Id -> name, version of the code and provenance of every cell, as they were when it was computed.

    Args:
        cells: of the plan.
        keys: cell name -> id.
        root: the plan's folder.

    A cell that is not done has its name only, and one of facewarden 0.1 states no provenance.
    """
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        about = _marker(root / CELLS / keys[cell.name] / DONE)
        found[keys[cell.name]] = {"name": cell.name, **{key: about[key] for key in _ORIGIN if key in about}}
    return found


def _marker(path: Path) -> dict[str, Any]:
    """What a done-marker states; nothing where it is absent or damaged, which its result's reader says."""
    with suppress(OSError, ValueError):
        about = read_json_bounded(path, limit="report_bytes")
        return about if isinstance(about, dict) else {}
    return {}


def _say_other_code(cells: Path, name: str, code: int) -> None:
    """Say how many cells were done by another version of the code."""
    held = [int(about.get("code", 1)) for path in cells.glob(f"*/{DONE}") if (about := _marker(path))]
    others = [version for version in held if version != code]
    if others and code not in held:
        say_computed_anew(f"{len(others)} cells of {name}", held=others, now=code)


def run_cell(kind: PlanKind, name: str, cell: PlanCell, folder: Path) -> dict[str, Any] | None:
    """Run one cell into its folder; None when it is done, else the failure."""
    started = time.perf_counter()
    error: dict[str, Any]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ERROR).unlink(missing_ok=True)
        about = {"kind": name, "name": cell.name, "settings": cell.settings, "code": kind.code,
                 "provenance": provenance(placement().resolved(_own_precision(cell)))}  # fmt: skip
        write_json(folder / "cell.json", about)
        value = kind.run(cell, folder=folder)
        try:
            write_json(folder / DONE, {**about, "seconds": time.perf_counter() - started, "result": value})
        except (TypeError, ValueError) as wrong:
            raise ContractError(f"{name}'s result is not JSON: {wrong}", hint="finite numbers, text, lists") from wrong
        return None
    except FacewardenError as raised:
        error = {"message": str(raised)}
    except Exception as raised:  # one cell that fails must not cost the others
        error = {"message": f"{type(raised).__name__}: {raised}", "detail": traceback.format_exc()}
    write_json(folder / ERROR, error)
    return error


def _own_precision(cell: PlanCell) -> str:
    """What the recipe of a cell that trains says; float32 for cells without one."""
    recipe = cell.settings.get("recipe")
    training = recipe.get("training") if isinstance(recipe, Mapping) else None
    said = training.get("precision") if isinstance(training, Mapping) else None
    return said if isinstance(said, str) else "float32"


_Ended = tuple[PlanCell, dict[str, Any] | None]


def _blocked(cell: PlanCell, failed: set[str]) -> dict[str, Any] | None:
    lost = [need for need in cell.needs if need in failed]
    return {"message": f"it needs {lost[0]!r}, which failed"} if lost else None


def _here(
    kind: PlanKind,
    name: str,
    todo: Sequence[PlanCell],
    folders: Mapping[str, Path],
    workers: int,
    failed: Set[str] = frozenset(),
) -> Iterator[_Ended]:
    import torch

    threads, lost = torch.get_num_threads(), set(failed)
    torch.set_num_threads(1)  # the numbers are those of several workers
    try:
        for cell in todo:
            error = _blocked(cell, lost) or run_cell(kind, name, cell, folders[cell.name])
            if error is not None:
                lost.add(cell.name)
            yield cell, error
    finally:
        torch.set_num_threads(threads)


def _elsewhere(
    kind: PlanKind, name: str, todo: Sequence[PlanCell], folders: Mapping[str, Path], workers: int
) -> Iterator[_Ended]:
    """One process per cell, forked from one with the kind's imports: a killed process ends no other cell."""
    context = fork_server("torch", type(kind).__module__)
    waiting, failed = list(todo), set[str]()
    unfinished = {cell.name for cell in todo}
    active: dict[int, tuple[ForkServerProcess, PlanCell, int]] = {}
    places = places_for(workers)
    try:
        while waiting or active:
            for cell in list(waiting):
                if (error := _blocked(cell, failed)) is not None:
                    waiting.remove(cell)
                    unfinished.discard(cell.name)
                    failed.add(cell.name)
                    yield cell, error
                elif len(active) < workers and not unfinished.intersection(cell.needs):
                    slot = min(set(range(workers)) - {taken for _, _, taken in active.values()})
                    process = context.Process(target=_work, args=(kind, name, cell, folders[cell.name], places[slot]))
                    try:
                        with without_main():
                            process.start()
                    except CANNOT_START as refused:
                        note_one_process(f"no other could be started ({type(refused).__name__}: {refused})")
                        workers = 0
                        break
                    waiting.remove(cell)
                    active[process.sentinel] = (process, cell, slot)
            if workers == 0 and not active:
                yield from _here(kind, name, waiting, folders, workers, failed)
                return
            for sentinel in wait(list(active)) if active else ():  # waiting for nothing would never end
                assert isinstance(sentinel, int)
                process, cell, _ = active.pop(sentinel)
                process.join()
                error = _ending(folders[cell.name], process.exitcode)
                unfinished.discard(cell.name)
                if error is not None:
                    failed.add(cell.name)
                yield cell, error
    finally:
        for process, _, _ in active.values():
            process.kill()
            process.join()


def _work(kind: PlanKind, name: str, cell: PlanCell, folder: Path, place: WorkerPlace) -> None:
    import torch

    end_with_parent()
    torch.set_num_threads(place.threads)
    with computing(place.asked.device, place.asked.precision):
        run_cell(kind, name, cell, folder)


def _ending(folder: Path, code: int | None) -> dict[str, Any] | None:
    if (folder / DONE).is_file():
        return None
    try:
        error: dict[str, Any] = read_json_bounded(folder / ERROR)
        return error
    except (OSError, ValueError):
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        return {"message": f"its process {how}; out of memory? fewer --workers need less"}


def _result(folder: Path) -> Mapping[str, Any]:
    path = folder / DONE
    try:
        value = read_json_bounded(path, limit="report_bytes")["result"]
        if not isinstance(value, dict):
            raise ValueError("the result is not an object")
        return value
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{path}: cannot be read: {error}", hint="delete this file, --resume makes it again"
        ) from error
