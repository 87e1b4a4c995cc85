"""CSV as tables are written and read: plain text, in which no cell runs as a formula."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TextIO

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit, limit_of
from facewarden.data.text import printable

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"  # which runs nothing, sign or not
SEPARATORS = (",", ";", "\t")
COMMENT = "# "
"""How a row of a CSV begins that is a comment, such as the example in a template."""
_FORMULA = re.compile(rf"(?!{_NUMBER}\Z)'*([=+\-@\t\r]|{COMMENT})")
_QUOTED = re.compile(r'(?<![^,;\t ])"(?:[^"]|"")*"')
CELLS_HINT = "quote cells that hold what separates columns; write numbers with a decimal point"
"""What to do where a row has more or fewer cells than the header."""
_QUOTED_FORMULA = re.compile(rf"'+([=+\-@\t\r]|{COMMENT})")


def write_csv(path: Path, names: Sequence[str], rows: Callable[[], Iterable[Iterable[Any]]]) -> None:
    """Write a header and rows; a text that a program would run as a formula gets an apostrophe."""
    # a bare carriage return ends a row for readers, and Python's writer quotes it only where everything is quoted
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n", quoting=quoting)
            for row in chain([names], rows()):
                cells = [_inert(cell) for cell in row]
                if quoting == csv.QUOTE_MINIMAL and any(isinstance(cell, str) and "\r" in cell for cell in cells):
                    break
                writer.writerow(cells)
            else:
                return


def _inert(cell: Any) -> Any:
    """A text that would be run as a formula or read as a comment, behind an apostrophe; `cell_text` takes it off."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def cell_text(cell: str) -> str | None:
    """What stands in a cell, without the apostrophe of `write_csv`; None where it is empty."""
    return (cell[1:] if _QUOTED_FORMULA.match(cell) else cell) or None


def separator_of(header: str, *, among: Sequence[str] = SEPARATORS) -> str:
    """What separates the columns of a table, by its first line: what is most frequent there outside of quotes.

    Args:
        header: the line.
        among: what it may be; of equally frequent ones the first.
    """
    return max(among, key=_QUOTED.sub("", header).count)


def header_of(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    """The names of columns: without blanks at their ends, and a column without a name by its place.

    The index that pandas writes, and a separator at the end of the line, are columns without a name.

    Args:
        path: of the table, for errors.
        cells: of its first line.

    Raises:
        BadInputError: no name at all, or one name twice.
        LimitError: too many columns.
    """
    check_limit("table_columns", len(cells), what=printable(path))
    stated = [cell_text(cell.strip()) for cell in cells]
    twice = sorted(name for name, count in Counter(stated).items() if name and count > 1)[:9]
    if twice or not any(stated):
        what = f"the header has {', '.join(twice)} twice" if twice else "no header"
        raise BadInputError(f"{printable(path)}: {what}", hint="the first line names every column once")
    return tuple(name or _invented(place, stated) for place, name in enumerate(stated, start=1))


def _invented(place: int, stated: Sequence[str | None]) -> str:
    """A name for a column without one, which no other column has."""
    name = f"column {place}"
    while name in stated:
        name = f"unnamed {name}"
    return name


def read_csv(path: Path) -> dict[str, list[Any]]:
    """Read a CSV table by column, as texts; an empty cell is None.

    Raises:
        BadInputError: it is no readable table, or larger than the limits of `facewarden.core.guards.limits`.
    """
    try:
        with path.open("r", encoding="utf-8-sig", newline="") as file:
            lines = _bounded(file, printable(path))
            first = next(lines, "")
            reader = csv.reader(chain([first], lines), strict=True, delimiter=separator_of(first))
            cells = next(reader, [])
            rows: list[list[str]] = []
            most = limit_of("table_rows")
            for row in reader:
                if len(rows) >= most:
                    check_limit("table_rows", len(rows) + 1, what=printable(path))
                if row and not row[0].startswith(COMMENT):
                    rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"{printable(path)}: not a readable CSV table: {error}", hint="save it as comma-separated UTF-8"
        ) from error
    header = header_of(path, cells)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise BadInputError(
                f"{printable(path)}: row {number} has {len(row)} cells, the header has {len(header)}",
                hint=CELLS_HINT,
            )
    return {name: [cell_text(row[i]) for row in rows] for i, name in enumerate(header)}


def copied_without_comments(path: Path, target: Path) -> bool:
    """Copy a CSV file without its rows that are comments, which may have any number of cells.

    A row in quotes stays.

    Returns:
        Whether it has any; otherwise nothing is written.
    """
    marker = COMMENT.encode()
    with path.open("rb") as file:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as held:
            if held.find(b"\n" + marker) < 0:
                return False
        with target.open("wb") as kept:
            begins = dropped = inside = False  # the header is no comment, and a line inside of quotes is no row
            while part := file.readline(1 << 20):
                if begins:
                    dropped = not inside and part.startswith(marker)
                if not dropped:
                    inside ^= part.count(b'"') % 2 == 1
                    kept.write(part)
                begins = part.endswith(b"\n")
    return True


def _bounded(file: TextIO, name: str) -> Iterator[str]:
    """Lines of a file, none longer than a limit, and none read whole before that is known."""
    longest = int(limit_of("cell_letters"))
    while line := file.readline(longest + 1):
        check_limit("cell_letters", len(line), what=f"{name}: not a readable CSV table: a line")
        yield line
