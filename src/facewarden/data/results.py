"""What public functions return: dataclasses that print briefly, become plain values and show as a table."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from facewarden.data.text import escaped, printable

_SHOWN_ROWS = 20


class Result:
    """Base of a result; subclasses are dataclasses made with `repr=False`."""

    def to_dict(self) -> dict[str, Any]:
        """The result as values that JSON can hold: paths as text, arrays as lists, infinities and NaN as None."""
        return {name: plain(value) for name, value in _fields(self)}

    def __repr__(self) -> str:
        told = [(name, value) for name, value in _fields(self) if not (isinstance(value, tuple | dict) and not value)]
        inner = ", ".join(f"{name}={_brief(value)}" for name, value in told)
        return f"{type(self).__name__}({inner})"

    def _repr_html_(self) -> str:
        """The result as an HTML table, for notebooks; every text is escaped."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(_brief(value))}</td></tr>"
            for name, value in _fields(self)
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


class RowsResult(Result):
    """A result that holds rows."""

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The rows as equally long columns by name."""
        raise NotImplementedError(f"{type(self).__name__} must give its columns")

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the rows as UTF-8 CSV and return the path.

        Raises:
            BadInputError: the file cannot be written.
        """
        return self._written(path, ".csv")

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write the rows as Parquet and return the path.

        Raises:
            BadInputError: the file cannot be written.
        """
        return self._written(path, ".parquet")

    def _repr_html_(self) -> str:
        """The result and its first rows as HTML tables, for notebooks; every text is escaped."""
        columns = self.columns()
        count = max((len(values) for values in columns.values()), default=0)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(values[row]))}</td>" for values in columns.values()) + "</tr>"
            for row in range(min(count, _SHOWN_ROWS))
        )
        more = f"<p>{count - _SHOWN_ROWS} more rows</p>" if count > _SHOWN_ROWS else ""
        return f"{super()._repr_html_()}<table><tr>{head}</tr>{body}</table>{more}"

    def _written(self, path: str | os.PathLike[str], suffix: str) -> Path:
        from facewarden.core.errors import BadInputError
        from facewarden.data.table import write_table  # opens a database, which reading a result does not need

        target = Path(path)
        if target.suffix.lower() != suffix:
            raise BadInputError(f"{target}: the name does not end with {suffix}", hint=f"{target.stem}{suffix}")
        write_table(target, self.columns())
        return target


def plain(value: object) -> Any:
    """Turn a result into values that JSON can hold; numbers that JSON has no word for become None.

    Args:
        value: anything that a public function returns.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return printable(value)
    if isinstance(value, Enum):
        return plain(value.value)
    to_dict = getattr(value, "to_dict", None)
    if callable(to_dict):
        return plain(to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in _fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    listed = getattr(value, "tolist", None)  # arrays, tensors and their scalars
    return plain(listed()) if callable(listed) else str(value)


def rows_as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows with the same names as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _fields(value: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(value, field.name)) for field in fields(value)]


def _brief(value: object) -> str:
    """A value in few characters: long collections and whole reports by their size or type."""
    if value is None or isinstance(value, bool | int | float | PurePath):
        return str(value) if not isinstance(value, float) else f"{value:.4g}"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:59]}…")
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)}: {_brief(item)}" for key, item in list(value.items())[:4])
        return f"{{{inner}{', …' if len(value) > 4 else ''}}}"
    if isinstance(value, list | tuple):
        return f"{len(value)} values" if len(value) > 3 else f"[{', '.join(_brief(item) for item in value)}]"
    words = getattr(value, "words", None)
    return words if isinstance(words, str) else type(value).__name__


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _key(key: object) -> str:
    return escaped(" -> ".join(map(str, key)) if isinstance(key, tuple) else str(key))
