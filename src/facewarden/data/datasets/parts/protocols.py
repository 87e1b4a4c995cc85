"""Official split files: any table in which one cell names a video or trial and another one its group."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.core.labels import Split
from facewarden.data.tables.csv_table import SEPARATORS, separator_of
from facewarden.data.text import printable

GROUPS: dict[str, Split] = {
    "train": "train", "training": "train", "world": "train",
    "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "development": "dev",
    "test": "test", "eval": "test", "evaluation": "test", "testing": "test",
}  # fmt: skip
"""Words for a split that official files use."""


def find_one(root: Path, patterns: tuple[str, ...], *, what: str, hint: str) -> Path:
    """Find an official file in a set's folder, or else one or two folders below it.

    Raises:
        BadInputError: none, or several equally deep.
    """
    for depth in ("", "*/", "*/*/"):
        matches = sorted({path for pattern in patterns for path in root.glob(depth + pattern) if path.is_file()})
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(printable(path.relative_to(root)) for path in matches[:5])
            raise BadInputError(f"{printable(root)}: {len(matches)} files could be the {what}: {names}", hint=hint)
    raise BadInputError(f"{printable(root)}: no {what}", hint=hint)


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table with a header; commas, semicolons or tabs.

    Raises:
        BadInputError: unreadable, or without rows.
    """
    rows = list(_cells(path))
    if len(rows) < 2:
        raise BadInputError(f"{printable(path)}: no rows below a header", hint="copy the file again")
    header = [name.strip().lower() for name in rows[0]]
    return [dict(zip(header, row, strict=False)) for row in rows[1:]]


def read_splits(path: Path, name_of: Callable[[str], str | None]) -> dict[str, Split]:
    """Read which video is in which split; columns may have any names and any order.

    Args:
        path: the table.
        name_of: finds the video that a cell names, if it names one.

    Raises:
        BadInputError: unreadable, no row with a video and a split, or a video in two splits.
    """
    splits: dict[str, Split] = {}
    for row in _cells(path):
        names = [name for cell in row if (name := name_of(cell)) is not None]
        groups = [GROUPS[cell.strip().lower()] for cell in row if cell.strip().lower() in GROUPS]
        if names and groups and splits.setdefault(names[0], groups[0]) != groups[0]:
            raise BadInputError(
                f"{printable(path)}: {names[0]} is in {splits[names[0]]} and {groups[0]}", hint="copy the file again"
            )
    if not splits:
        raise BadInputError(
            f"{printable(path)}: no row names a video and one of {', '.join(GROUPS)}",
            hint="the official file of splits",
        )
    return splits


def _rows(text: str, comma: str, path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.splitlines(), delimiter=comma)
    except csv.Error as error:
        raise BadInputError(f"{printable(path)}: cannot be read: {error}", hint="a table as text, UTF-8") from error


def _cells(path: Path) -> Iterator[list[str]]:
    try:
        text = read_bounded(path, limit="report_bytes")
    except (OSError, ValueError) as error:
        raise BadInputError(f"{printable(path)}: cannot be read: {error}", hint="a table as text, UTF-8") from error
    first = text.partition("\n")[0]
    comma = separator_of(first, among=(*SEPARATORS, " "))
    for row in _rows(text, comma, path):
        if row:
            yield row
