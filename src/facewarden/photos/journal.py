"""The journal of a purified folder: one line for each finished photo, so that a stopped call can resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.data.text import named_file


class Record:
    """Rows by photo, read from earlier calls and extended when a photo is finished.

    Args:
        path: of the journal; a last line that was cut off is ignored.
        fresh: start anew.

    Attributes:
        rows: photo -> its row; among others `origin`, what decided its pixels, `file` and `bytes` of the result.

    Raises:
        BadInputError: the folder cannot be written.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and not fresh:
                lines = path.read_text("utf-8", errors="replace").split("\n")  # a damaged line is no row
                self.rows = {row["source"]: row for line in lines for row in _row(line)}
            # written anew: a cut line would run into the next one, and of a photo done twice the last row counts
            write_text(path, "".join(json.dumps(row) + "\n" for row in self.rows.values()))
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error

    def done(self, name: str, *, origin: str) -> dict[str, Any] | None:
        """The row of a photo that is finished and whose result is still there, or None."""
        row = self.rows.get(name)
        if row is None or row["origin"] != origin:
            return None
        try:
            return row if named_file(self.path.parent, row["file"]).stat().st_size == row["bytes"] else None
        except OSError:
            return None

    def add(self, row: dict[str, Any]) -> None:
        """Record a finished photo.

        Raises:
            BadInputError: the disk is full or read-only.
        """
        self.rows[row["source"]] = row
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the journal."""
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(self.path, error) from error


def _row(line: str) -> list[dict[str, Any]]:
    try:
        row = json.loads(line)
    except ValueError:
        return []
    return [row] if isinstance(row, dict) and {"source", "origin", "file", "bytes"} <= set(row) else []


def _unwritable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"{path}: cannot be written: {error}", hint="free space or another --out; the same command then goes on"
    )
