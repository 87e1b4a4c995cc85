"""A reader of the output while it is written: every file under its own name must be whole at any moment."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
from PIL import Image
from safetensors import safe_open


def visible(folder: Path) -> Iterator[Path]:
    """Files under their own names: temporary files and locks begin with a dot, and so do folders that are not whole."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def broken(folder: Path) -> list[str]:
    """Names and reasons of files that cannot be read to their ends."""
    found = []
    for path in visible(folder):
        try:
            _read(path)
        except FileNotFoundError:  # replaced or removed since it was listed
            continue
        except Exception as error:  # any reader's error is the finding
            if path.exists():
                found.append(f"{path.relative_to(folder)}: {type(error).__name__}: {str(error)[:120]}")
    return found


def _read(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").split("\n")
        for line in lines[:-1]:  # an appended line may be cut; the readers of journals know
            if line:
                json.loads(line)
    elif suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
        if not rows or len({len(row) for row in rows}) > 1:
            raise ValueError("rows of different lengths, or none")
    elif suffix == ".parquet":
        duckdb.connect().execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    elif suffix in (".png", ".jpg"):
        with Image.open(path) as picture:
            picture.load()
    elif suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                file.get_tensor(name)
    elif suffix in (".html", ".svg"):
        text = path.read_text(encoding="utf-8").rstrip()
        if not text.endswith(("</html>", "</svg>")):
            raise ValueError("the end is missing")
    elif path.stat().st_size == 0 and path.name not in ("log.jsonl",):
        raise ValueError("empty")


class Watcher(threading.Thread):
    """Reads a folder again and again, and notes when files appeared there first and last.

    Args:
        folder: the output.
        check: what finds broken files; None notes times alone.
        pause: seconds between two looks.
    """

    def __init__(self, folder: Path, *, check: Callable[[Path], list[str]] | None = broken, pause: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.folder, self.check, self.pause = folder, check, pause
        self.started = time.monotonic()
        self.first: float | None = None
        self.last: float | None = None
        self.looks = 0
        self.broken: list[str] = []
        self._end = threading.Event()
        self._seen: dict[str, int] = {}

    def run(self) -> None:
        """Look until `stop` is called."""
        while not self._end.wait(self.pause):
            self.look()

    def look(self) -> None:
        """Look once."""
        now = time.monotonic() - self.started
        seen = {}
        for path in visible(self.folder) if self.folder.is_dir() else ():
            try:
                seen[str(path)] = path.stat().st_mtime_ns
            except OSError:
                continue
        if seen != self._seen:
            self.first = now if self.first is None else self.first
            self.last = now
            self._seen = seen
            if self.check is not None:
                self.broken += self.check(self.folder)
                self.looks += 1

    def stop(self) -> None:
        """End it and look a last time."""
        self._end.set()
        self.join()
        self.look()
