"""Small tables on disk: Parquet through DuckDB, CSV as plain text, replaced in one step."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.files import remove_stale, writing
from facewarden.core.guards.limits import check_limit
from facewarden.core.guards.lock import hold
from facewarden.data.tables.csv_table import read_csv, write_csv
from facewarden.data.text import escaped, printable

SUFFIXES = (".parquet", ".csv")
_OTHER_KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), "save it as CSV (UTF-8)"),
        **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"), "unpack it first, to a .csv or .parquet file"),
    }
)
_SQL_TYPES: dict[type, str] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}


def write_table(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
    """Write a table of equally long columns.

    Args:
        path: ends with `.parquet` (typed, compressed) or `.csv` (UTF-8 text; None becomes an empty cell).
        columns: name -> values, each column of one of bool, int, float and str; None is a missing value. Parquet
            stores a NaN as missing. Bytes of a text that are not UTF-8 (of a file name) are written as `\\xff`.

    Raises:
        BadInputError: columns of different lengths or mixed types, an unknown suffix or a folder that cannot be
            written.
    """
    suffix = _suffix(path)
    lists = {escaped(name): _plain(values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if not lists or len(set(lengths.values())) > 1:
        raise BadInputError(
            f"{printable(path)}: columns must be equally long, got {lengths}", hint="one value a row and column"
        )
    types = {name: _type(values, where=f"{printable(path)}: column {name!r}") for name, values in lists.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary:
            if suffix == ".csv":
                write_csv(temporary, list(lists), lambda: zip(*lists.values(), strict=True))
            else:
                _write_parquet(temporary, lists, types)
    except (OSError, duckdb.Error) as error:
        raise BadInputError(
            f"{printable(path)}: cannot be written: {error}", hint="choose a file in a writable folder"
        ) from error


def write_rows(path: Path, names: Sequence[str], rows: Callable[[], Iterable[Sequence[Any]]]) -> None:
    """Write a table row by row, for long ones that need not be in memory; as `write_table` writes it.

    Args:
        path: ends with `.csv`.
        names: of the columns.
        rows: gives all rows anew each time that it is called, each with a value a column.

    Raises:
        BadInputError: another suffix, or a folder that cannot be written.
    """
    if _suffix(path) != ".csv":
        raise BadInputError(f"{printable(path)}: rows are written as .csv", hint="a name that ends in .csv")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary:
            write_csv(temporary, [escaped(name) for name in names], lambda: (map(_plain_cell, row) for row in rows()))
    except OSError as error:
        raise BadInputError(
            f"{printable(path)}: cannot be written: {error}", hint="choose a file in a writable folder"
        ) from error


def read_table(path: Path) -> dict[str, list[Any]]:
    """Read a table as name -> values.

    Args:
        path: a `.parquet` or `.csv` file. CSV carries no types: its cells come back as str, empty ones as None. Rows
            that begin with "# " are comments.

    Raises:
        BadInputError: missing, a folder, garbage, not UTF-8, rows of different lengths, or a column named twice.
    """
    return read_csv(path) if check_table(path) == ".csv" else _read_parquet(path)


def check_table(path: Path) -> str:
    """Refuse what is no table of a size that is read; return its suffix in lower case.

    Raises:
        BadInputError: an unknown suffix, missing, a folder, or empty.
        LimitError: it is too large.
    """
    suffix = _suffix(path)
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the name
        raise BadInputError(
            f"{printable(path)}: no such table ({error})", hint="give a .parquet or .csv file"
        ) from error
    if not is_file or size == 0:
        what = "is empty (zero bytes)" if is_file else "is not a file"
        raise BadInputError(f"{printable(path)}: {what}", hint="give a .parquet or .csv file with a header and rows")
    check_limit("table_bytes", size, what=printable(path))
    return suffix


def check_target(path: Path) -> None:
    """Lock a table's path for the rest of a verb, or refuse it, before the results are computed.

    Raises:
        BadInputError: an unknown suffix, a folder that cannot be written, or another process that writes this table.
    """
    _suffix(path)
    try:
        if path.is_dir():
            raise OSError("it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{printable(path)}: cannot be written: {error}", hint="choose a file in a writable folder"
        ) from error
    hold(path.parent, name=f".{path.name[:100]}.lock")
    remove_stale(path.parent, deep=False)


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        hint = _OTHER_KINDS.get(path.suffix.lower(), f"name it with {' or '.join(SUFFIXES)}")
        raise BadInputError(f"{printable(path)}: unknown kind of table", hint=hint)
    return path.suffix.lower()


def _plain(values: Sequence[Any] | NDArray[Any]) -> list[Any]:
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    return [_plain_cell(value) for value in plain]


def _plain_cell(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    # at the end of hours of work a name that is not UTF-8 is no reason to lose the table
    return escaped(value) if isinstance(value, str) else value


def _type(values: list[Any], *, where: str) -> type:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        kinds = {float}
    if not kinds:
        return str
    if len(kinds) > 1 or (kind := kinds.pop()) not in _SQL_TYPES:
        names = sorted(item.__name__ for item in kinds) or [kind.__name__]
        raise BadInputError(f"{where} holds {', '.join(names)}", hint="one of bool, int, float and str in a column")
    if kind is int and any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        raise BadInputError(f"{where} holds a number beyond 64 bits", hint="write it as text")
    return kind


def _write_parquet(path: Path, lists: Mapping[str, list[Any]], types: Mapping[str, type]) -> None:
    # positional column names on the way in: DuckDB folds case and may rename clashing ones
    arrays = {f"c{i}": _array(values, types[name]) for i, (name, values) in enumerate(lists.items())}
    select = ", ".join(f"CAST(c{i} AS {_SQL_TYPES[types[name]]}) AS {quoted(name)}" for i, name in enumerate(lists))
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder, connection() as reader:
        made = Path(folder) / "table.parquet"  # DuckDB refuses names that are not UTF-8, the target's may be one
        reader.register("arrays", arrays)
        reader.execute(f"COPY (SELECT {select} FROM arrays) TO {literal(made)} (FORMAT parquet, COMPRESSION zstd)")
        shutil.copyfile(made, path)


def _array(values: list[Any], kind: type) -> NDArray[Any]:
    if kind is str or None in values:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.array(values, dtype=kind)


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    try:
        with plain_name(path) as source, connection() as reader:
            _check_parquet(reader, source, printable(path))
            cursor = reader.execute(f"SELECT * FROM read_parquet({literal(source)})")
            names = [item[0] for item in cursor.description]
            rows = cursor.fetchall()
    except (duckdb.Error, OSError, UnicodeDecodeError, MemoryError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInputError(
            f"{printable(path)}: not a readable Parquet table: {reason}", hint="write it again"
        ) from error
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _check_parquet(reader: Any, source: Path, name: str) -> None:
    """Refuse what is small on the disk and has no end in memory: a text that a million rows share is stored once."""
    rows, *_ = reader.execute(f"SELECT count(*) FROM read_parquet({literal(source)})").fetchone()
    check_limit("table_rows", rows, what=name)
    cursor = reader.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(source)})")
    columns = [(column, kind) for column, kind, *_ in cursor.fetchall()]
    check_limit("table_columns", len(columns), what=name)
    whole = 8 * rows * len(columns)
    for column, kind in columns:
        if kind in ("VARCHAR", "BLOB") or kind.endswith(("]", ")")):
            size = f"strlen(CAST({quoted(column)} AS VARCHAR))"
            asked = f"SELECT max({size}), sum({size}) FROM read_parquet({literal(source)})"
            longest, total = reader.execute(asked).fetchone()
            check_limit("cell_letters", longest or 0, what=f"{name}: column {column!r}")
            whole += total or 0
    check_limit("table_bytes", whole, what=name)


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: Path | str) -> str:
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def connection(*, memory: str = "2GB") -> closing[Any]:
    """Open an engine that sees no network; it must not take more than `memory`."""
    # one thread and no extensions: the same bytes on every machine, and never a look at the network
    settings = {
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory,
    }
    return closing(duckdb.connect(":memory:", config=settings))


@contextmanager
def plain_name(path: Path) -> Iterator[Path]:
    """Give a link of a plain name to a file whose own name may hold anything."""
    # DuckDB reads * ? [ in a name as a pattern and refuses names that are not UTF-8, so it sees a link of a plain name.
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        link = Path(folder) / "table.parquet"
        link.symlink_to(path.absolute())
        yield link
