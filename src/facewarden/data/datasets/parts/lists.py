"""List files as published: `rgb depth ir label` or `file label` a row, spaces or tabs, CRLF or LF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.data.text import printable


@dataclass(frozen=True)
class ListRow:
    """One row of a list file.

    Attributes:
        number: from 1.
        names: three paths (color, depth, infrared) or one.
        label: 1 = bona fide, 0 = attack presentation.
    """

    number: int
    names: tuple[str, ...]
    label: int


def read_list(path: Path) -> tuple[ListRow, ...]:
    """Read a list file.

    Raises:
        BadInputError: unreadable, empty, or a row that has neither two nor four columns or no label 0 or 1; the row is
            named.
    """
    try:
        text = read_bounded(path, limit="report_bytes")
    except (OSError, ValueError) as error:
        raise BadInputError(f"{printable(path)}: cannot be read: {error}", hint="a text file, UTF-8") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) not in (2, 4) or cells[-1] not in ("0", "1"):
            raise BadInputError(
                f"{printable(path)}: row {number} is {line[:80]!r}",
                hint="rgb depth ir label, or file label, with label 1 = bona fide and 0 = attack",
            )
        rows.append(ListRow(number, tuple(cells[:-1]), int(cells[-1])))
    if not rows:
        raise BadInputError(f"{printable(path)}: the list is empty", hint="rgb depth ir label, one capture a row")
    return tuple(rows)


def below(name: str, heads: tuple[str, ...]) -> tuple[str, ...]:
    """Return a listed path's components from the first that is one of the layout's own folders on.

    What stands before it is whatever machine the list was written on; compared are whole components, since a folder's
    name may well hold another's.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return next((parts[place:] for place, part in enumerate(parts) if part in heads), parts)
