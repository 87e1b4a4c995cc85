"""Files and tables of shards brought together: files are linked where the disk can, rows are sorted as in one run."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.data.table import read_table
from facewarden.scale.record import ShardRecord


def place_file(source: Path, target: Path) -> None:
    """Give a shard's file its place in the whole: a second name of the same bytes, or a copy on another disk.

    Files of facewarden are replaced and never changed, so that a shared file stays what it is for both.

    Raises:
        BadInputError: another file is there already, or it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if source.samefile(target) or filecmp.cmp(source, target, shallow=False):
                return
            raise BadInputError(f"{target} is there already and is not {source}", hint="choose an empty --out")
        with suppress(OSError):  # another disk, or one without links
            os.link(source, target)
            return
        with writing(target, sync=False) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error


def place_below(source: Path, target: Path, *, missing_only: bool = False) -> None:
    """Give all files below a folder of a shard their places below a folder of the whole; hidden ones stay.

    Args:
        source: the shard's folder, which may be absent.
        target: the folder of the whole.
        missing_only: leave what is there as it is.
    """
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(folder, name)
                goal = target / path.relative_to(source)
                if not (missing_only and goal.exists()):
                    place_file(path, goal)


def place_equal(records: Sequence[ShardRecord], name: str, out: Path) -> None:
    """Place a file that every shard has with the same bytes; one that differs, or is absent somewhere, is left out."""
    files = [record.home / name for record in records]
    with suppress(OSError):
        if all(filecmp.cmp(files[0], other, shallow=False) for other in files[1:]):
            place_file(files[0], out / name)


def joined_tables(paths: Iterable[Path], *, empty: Mapping[str, Any] | None = None) -> dict[str, list[Any]]:
    """The rows of tables one after the other.

    Args:
        paths: of the tables; one may have columns that others lack.
        empty: column -> its value in rows of tables that lack it; None for the others.
    """
    tables = [read_table(path) for path in paths]
    widest = max(tables, key=len)
    names = list(dict.fromkeys([*widest, *(name for table in tables for name in table)]))
    whole: dict[str, list[Any]] = {name: [] for name in names}
    for table in tables:
        rows = len(next(iter(table.values())))
        for name in names:
            whole[name] += table.get(name, [(empty or {}).get(name)] * rows)
    return whole


def in_order(table: Mapping[str, Sequence[Any]], order: Sequence[int]) -> dict[str, list[Any]]:
    """The rows of a table in another order."""
    return {name: [values[row] for row in order] for name, values in table.items()}


def places_of(records: Sequence[ShardRecord]) -> dict[str, int]:
    """Key -> place in the whole list, of the items of all shards."""
    return {key: place for record in records for place, key in zip(*record.items(), strict=True)}
