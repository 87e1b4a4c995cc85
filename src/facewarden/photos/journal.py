"""The journal of a purified folder: one line for each finished photo, so that a stopped call can resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.data.text import named_file


class Record:
    """Rows by photo, read from earlier calls and extended when a photo is finished.

    The rows stay in the file: of each photo only the place of its line is held, since folders may be long.

    Args:
        path: of the journal; a last line that was cut off is ignored.
        fresh: start anew.

    Raises:
        BadInputError: the folder cannot be written.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self._places: dict[str, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # written anew: a cut line would run into the next one, and of a photo done twice the last row counts
            with writing(path) as temporary, temporary.open("wb") as new:
                if path.is_file() and not fresh:
                    self._copy(path, new)
            self._file: BinaryIO = path.open("ab+")
        except OSError as error:
            raise _unwritable(path, error) from error

    def _copy(self, path: Path, new: BinaryIO) -> None:
        last: dict[str, int] = {}
        with path.open("rb") as old:
            place = 0
            for line in old:
                row = _row(line)
                if row is not None:
                    last[row["source"]] = place
                place += len(line)
            for name, place in last.items():
                old.seek(place)
                self._places[name] = new.tell()
                new.write(old.readline().rstrip(b"\n") + b"\n")

    def __iter__(self) -> Iterator[str]:
        """Names of the photos that have a row."""
        return iter(self._places)

    def row(self, name: str) -> dict[str, Any] | None:
        """The row of a photo; among others `origin`, what decided its pixels, `file` and `bytes` of the result."""
        place = self._places.get(name)
        if place is None:
            return None
        self._file.seek(place)
        return _row(self._file.readline())

    def add(self, row: Mapping[str, Any]) -> None:
        """Record a finished photo.

        Raises:
            BadInputError: the disk is full or read-only.
        """
        try:
            self._places[row["source"]] = self._file.seek(0, 2)
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the journal."""
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(self.path, error) from error


def lines_of(path: Path) -> dict[str, bytes]:
    """The lines of a journal by photo, which is only read; of a photo done twice the last one.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return {row["source"]: line for line in file if (row := _row(line)) is not None}


def still_there(row: Mapping[str, Any] | None, *, origin: str, folder: Path) -> bool:
    """Whether a photo is finished: its row is of this origin, and its result lies in the folder."""
    if row is None or row["origin"] != origin:
        return False
    try:
        return bool(named_file(folder, row["file"]).stat().st_size == row["bytes"])
    except OSError:
        return False


def _row(line: bytes) -> dict[str, Any] | None:
    """The row in a line; None where it is damaged."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"source", "origin", "file", "bytes"} <= set(row) else None


def _unwritable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"{path}: cannot be written: {error}", hint="free space or another --out; the same command then goes on"
    )
