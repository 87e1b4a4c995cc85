"""Names of columns in tables of persons and of other programs: which one is read as what, and how they are told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from facewarden.core.errors import BadInputError
from facewarden.data.text import printable

Values = TypeVar("Values")
_NEAR = 0.75
"""Likeness of two names from which one may be a slip for the other."""


def column_places(path: Path, header: Sequence[str], known: Sequence[str], *, prefix: str = "") -> dict[str, str]:
    """Which column of a table is read as what: by its name, or else by its name in other letter case.

    Args:
        path: of the table, for errors.
        header: the names that the table has.
        known: names that are read.
        prefix: of further names that are read; empty where there are none.

    Raises:
        BadInputError: two columns are read as the same, and neither has exactly this name.
    """

    def is_read(name: str) -> bool:
        return name in known or (bool(prefix) and name.startswith(prefix))

    exact = {name: name for name in header if is_read(name)}
    others: dict[str, str] = {}
    for name in header:
        small = name.strip().lower()
        if name in exact or small in exact or not is_read(small):
            continue
        if small in others:
            raise BadInputError(
                f"{printable(path)}: columns {others[small]} and {name} are both read as {small}",
                hint=f"rename the one that is meant to {small}",
            )
        others[small] = name
    return exact | others


def under_known_names(
    path: Path, table: Mapping[str, Values], known: Sequence[str], *, prefix: str = ""
) -> dict[str, Values]:
    """A table whose columns have the names that are read; the others keep theirs.

    Args:
        path, known, prefix: as in `column_places`.
        table: column -> values, as read.

    Raises:
        BadInputError: as there.
    """
    found = {column: name for name, column in column_places(path, list(table), known, prefix=prefix).items()}
    return {found.get(column, column): values for column, values in table.items()}


def doubtful_columns(header: Sequence[str], known: Sequence[str], *, prefix: str) -> tuple[str, ...]:
    """A sentence on each column that is not read and has nearly the name of one that is, which the table lacks.

    Args:
        header: names of the columns, those that are read by their own names.
        known, prefix: as in `column_places`.
    """
    absent = [name for name in known if name not in header]
    unread = [name for name in header if name not in known and not name.startswith(prefix)]
    return tuple(
        f"column {printable(name)} is not read; if {close[0]} is meant, rename it"
        for name in unread
        if (close := difflib.get_close_matches(name.lower(), absent, 1, _NEAR))
    )


def shown_columns(header: Sequence[str]) -> str:
    """Names of columns for a message, short also where there are many or long ones."""
    named = [name if len(name) <= 40 else f"{name[:40]}…" for name in header[:20]]
    return ", ".join(named) + (f" and {len(header) - 20} more" if len(header) > 20 else "")
