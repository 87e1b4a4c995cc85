"""Large tables as arrays: the wanted columns of a CSV or Parquet file, text as codes, read by DuckDB without a loop."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError, check_limit, limit_of
from facewarden.data.sample_words import UNSEEN, as_name
from facewarden.data.table import check_table, connection, literal, plain_name, quoted
from facewarden.data.tables.column_names import shown_columns
from facewarden.data.tables.csv_table import (
    CELLS_HINT,
    COMMENT,
    cell_text,
    copied_without_comments,
    header_of,
    separator_of,
)
from facewarden.data.text import printable

_MISSING = ("", "nan", "NaN", "NaT", "None", "<NA>")
_NO_NUMBER = (*_MISSING, "NA", "N/A", "n/a", "NULL", "null")
"""What spreadsheets and databases write for a number that is not there; as a name it may mean something."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of names.

    Attributes:
        codes: (n,) position in `names`, -1 where the cell is empty.
        names: the distinct names, sorted.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    def take(self, rows: NDArray[Any]) -> Coded:
        """Some rows, by mask or position; the names stay."""
        return Coded(self.codes[rows], self.names)


@dataclass(frozen=True, eq=False)
class Columns:
    """What was read of a table.

    Attributes:
        header: all columns that the file has.
        rows: how many rows.
        numbers: column -> (n,) values, NaN where the cell is empty.
        texts: column -> names as codes.
        hashes: column -> (n,) 64-bit hashes of the cells, to tell rows apart; 0 where the cell is empty. Blanks at the
            ends and the two spellings of a letter with an accent make no difference.
    """

    header: tuple[str, ...]
    rows: int
    numbers: Mapping[str, NDArray[np.float64]]
    texts: Mapping[str, Coded]
    hashes: Mapping[str, NDArray[np.uint64]]


def table_header(path: Path) -> tuple[str, ...]:
    """The columns of a table.

    Raises:
        BadInputError: no table, or a header that names a column twice.
    """
    suffix = check_table(path)
    if suffix == ".csv":
        return _csv_header(path)[0]
    with _opened(path, (), "") as (reader, source):
        return tuple(str(row[0]) for row in reader.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())


def read_columns(
    path: Path, *, numbers: Sequence[str] = (), texts: Sequence[str] = (), hashes: Sequence[str] = ()
) -> Columns:
    """Read some columns of a table.

    Args:
        path: a `.parquet` or `.csv` file; CSV may be separated by commas, semicolons or tabs.
        numbers: columns of numbers; a cell that is neither a number nor empty is refused with its row.
        texts: columns of names; blanks at the ends are dropped.
        hashes: columns that are only compared.

    Raises:
        BadInputError: no such table, no such column, or a cell that is no number; the row is counted from 1 below the
            header, without comments, which are left out as `facewarden.data.table.read_table` does.
        LimitError: too many rows or columns, or a cell that is too long.
    """
    suffix = check_table(path)
    header, separator = _csv_header(path) if suffix == ".csv" else (table_header(path), "")
    missing = [name for name in (*numbers, *texts, *hashes) if name not in header]
    if missing:
        raise BadInputError(
            f"{printable(path)}: no column {', '.join(missing)}; found: {shown_columns(header)}",
            hint="name them with --column, such as --column score=liveness",
        )
    with _opened(path, header, separator) as (reader, source):
        # by place in a CSV file: the engine takes score and Score for one name
        columns = {name: f"c{place}" if separator else quoted(name) for place, name in enumerate(header)}
        rows = _load(reader, source, path, columns, numbers=numbers, texts=texts, hashes=hashes)
        found = {name: _numbers(reader, f"n{i}", name=name, path=path) for i, name in enumerate(numbers)}
        meant = cell_text if separator else str
        coded = {name: _coded(reader, f"t{i}", meant) for i, name in enumerate(texts)}
        hashed = {name: _fetched(reader, f"h{i}", np.uint64) for i, name in enumerate(hashes)}
    return Columns(header, rows, found, coded, hashed)


def _load(
    reader: Any,
    source: str,
    path: Path,
    columns: Mapping[str, str],
    *,
    numbers: Sequence[str],
    texts: Sequence[str],
    hashes: Sequence[str],
) -> int:
    """Bring the wanted columns into the engine's memory once, and check their sizes."""
    wanted = []
    for i, name in enumerate(numbers):
        cell = f"trim(CAST({columns[name]} AS VARCHAR))"
        empty = f"{cell} IS NULL OR {cell} IN ({_listed(_NO_NUMBER)})"
        # the engine reads 1_000 as a thousand, `as_number` and spreadsheets do not
        number = f"CASE WHEN contains({cell}, '_') THEN NULL ELSE TRY_CAST({columns[name]} AS DOUBLE) END"
        wanted += [f"{number} AS n{i}", f"NOT ({empty}) AS f{i}"]
    for i, name in enumerate(texts):
        cell = f"CAST({columns[name]} AS VARCHAR)"
        wanted.append(f"CASE WHEN {cell} IN ({_listed(_MISSING)}) THEN NULL ELSE {cell} END AS t{i}")
    for i, name in enumerate(hashes):
        cell = f"trim(nfc_normalize(CAST({columns[name]} AS VARCHAR)), {literal(UNSEEN)})"
        empty = f"{cell} IS NULL OR {cell} IN ({_listed(_MISSING)})"
        wanted.append(f"CASE WHEN {empty} THEN 0::UBIGINT ELSE hash({cell}) END AS h{i}")
    limit = int(limit_of("table_rows")) + 1
    reader.execute(f"CREATE TABLE held AS SELECT {', '.join(wanted) or '1'} FROM {source} LIMIT {limit}")
    (rows,) = reader.execute("SELECT count(*) FROM held").fetchone()
    check_limit("table_rows", rows, what=printable(path))
    for i, name in enumerate(texts):
        (longest,) = reader.execute(f"SELECT max(strlen(t{i})) FROM held").fetchone()
        check_limit("key_letters", longest or 0, what=f"{printable(path)}: a name in column {name!r}")
    return int(rows)


def _numbers(reader: Any, column: str, *, name: str, path: Path) -> NDArray[np.float64]:
    filled = f"f{column[1:]}"
    bad = reader.execute(
        f"SELECT min(rowid), count(*) FROM held WHERE {filled} AND {column} IS NULL"
    ).fetchone()  # rowid: the order of the file, since one thread reads it
    if bad[1]:
        raise BadInputError(
            f"{printable(path)}: row {bad[0] + 1}: column {name!r} holds no number (and {bad[1] - 1} rows more)",
            hint="a decimal point, no thousands separators, no units; leave the cell empty where there was no response",
        )
    return _fetched(reader, f"COALESCE({column}, 'nan'::DOUBLE)", np.float64)


def _coded(reader: Any, column: str, meant: Callable[[str], str | None]) -> Coded:
    found = [row[0] for row in reader.execute(f"SELECT DISTINCT {column} FROM held ORDER BY 1").fetchall()]
    raw = [name for name in found if name is not None]
    if not raw:
        (rows,) = reader.execute("SELECT count(*) FROM held").fetchone()
        return Coded(np.full(rows, -1, np.int64), ())
    reader.execute(f"CREATE TYPE e_{column} AS ENUM (SELECT DISTINCT {column} FROM held WHERE {column} IS NOT NULL)")
    order = [row[0] for row in reader.execute(f"SELECT unnest(enum_range(NULL::e_{column}))").fetchall()]
    codes = _fetched(reader, f"COALESCE(CAST(enum_code({column}::e_{column}) AS BIGINT), -1)", np.int64)
    clean = [as_name(meant(name) or "") for name in order]
    names = tuple(sorted({name for name in clean if name}))
    place = {name: index for index, name in enumerate(names)}
    to = np.array([*(place.get(name, -1) for name in clean), -1], np.int64)
    return Coded(to[codes], names)


def _fetched(reader: Any, what: str, kind: Any) -> NDArray[Any]:
    found = reader.execute(f"SELECT {what} AS x FROM held").fetchnumpy()["x"]
    return np.ascontiguousarray(np.ma.getdata(found), dtype=kind)


class _opened:
    """A reader and what stands for the file in its queries; errors of the engine name the file."""

    def __init__(self, path: Path, header: Sequence[str], separator: str) -> None:
        self.path, self.header, self.separator = path, header, separator

    def __enter__(self) -> tuple[Any, str]:
        self._link = plain_name(self.path)
        link = self._link.__enter__()
        self._reader = connection(memory="600MB")
        reader = self._reader.__enter__()
        if not self.separator:
            return reader, f"read_parquet({literal(link)})"
        plain = link.with_name("rows.csv")
        try:
            link = plain if copied_without_comments(self.path, plain) else link
        except OSError as error:
            self.__exit__(OSError, error)
        kinds = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(self.header)))
        longest = int(limit_of("cell_letters"))
        return reader, (  # in quotes; a cell is unknown only where it is empty, and then the row is no comment
            f"(SELECT * FROM read_csv({literal(link)}, auto_detect = false, header = true, "
            f"delim = {literal(self.separator)}, "
            f"quote = '\"', escape = '\"', nullstr = '', columns = {{{kinds}}}, max_line_size = {longest}, "
            f"strict_mode = true) WHERE c0 IS NULL OR NOT starts_with(c0, {literal(COMMENT)}))"
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *trace: object) -> None:
        with suppress(Exception):
            self._reader.__exit__(None, None, None)
        self._link.__exit__(None, None, None)
        if isinstance(error, LimitError | BadInputError) or error is None:
            return
        if isinstance(error, duckdb.Error | OSError | UnicodeDecodeError | MemoryError):
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            uneven = "Expected Number of Columns" in str(error)
            raise BadInputError(
                f"{printable(self.path)}: not a readable table: {reason}",
                hint=CELLS_HINT if uneven else "save it as comma-separated UTF-8 with one header line, or as Parquet",
            ) from error


def _csv_header(path: Path) -> tuple[tuple[str, ...], str]:
    """Names and separator of a CSV file, from its first line."""
    longest = int(limit_of("cell_letters"))
    try:
        with path.open("r", encoding="utf-8-sig", newline="") as file:
            line = file.readline(longest + 1)
            check_limit("cell_letters", len(line), what=f"{printable(path)}: the first line")
        separator = separator_of(line)
        cells = next(csv.reader([line], delimiter=separator, strict=True), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"{printable(path)}: not a readable CSV table: {error}", hint="save it as comma-separated UTF-8"
        ) from error
    if "\0" in line:
        raise BadInputError(f"{printable(path)}: no text, although it is named .csv", hint="save it as CSV (UTF-8)")
    return header_of(path, cells), separator


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
