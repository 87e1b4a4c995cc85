"""A reader of the output while it is written: every file under its own name must be whole at any moment."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
from PIL import Image
from safetensors import safe_open

Stamp = tuple[int, int, int]
"""What changes when a file is written: time, number of its place on the disk, size."""


def visible(folder: Path) -> Iterator[Path]:
    """Files under their own names: temporary files and locks begin with a dot, and so do folders that are not whole."""
    for path in sorted(folder.rglob("*")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file():
            yield path


def read_whole(path: Path) -> None:
    """Read a file to its end; any exception says that it is broken."""
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


class Reader:
    """Reads each file of a folder once for every time that it was written, and remembers which it has read.

    Attributes:
        folder: the output.
        broken: names and reasons of files that could not be read to their ends.
        read: how many files were read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: list[str] = []
        self.read = 0
        self._seen: dict[Path, Stamp] = {}

    def look(self) -> tuple[frozenset[str], bool]:
        """Read what is new; the names that are there, and whether anything has changed."""
        found: dict[Path, Stamp] = {}
        for path in visible(self.folder) if self.folder.is_dir() else ():
            try:
                about = path.stat()
            except OSError:  # replaced or removed since it was listed
                continue
            found[path] = (about.st_mtime_ns, about.st_ino, about.st_size)
        changed = found != self._seen
        new = [path for path, stamp in found.items() if self._seen.get(path) != stamp]
        self._seen = found
        for path in new:
            self._read(path)
        return frozenset(str(path.relative_to(self.folder)) for path in found), changed

    def _read(self, path: Path) -> None:
        try:
            read_whole(path)
            self.read += 1
        except FileNotFoundError:
            return
        except Exception as error:  # any reader's error is the finding
            if path.exists():
                self.broken.append(f"{path.relative_to(self.folder)}: {type(error).__name__}: {str(error)[:120]}")


class Watcher(threading.Thread):
    """Looks again and again while a command runs, and notes when files appeared.

    Args:
        reader: of the output, which remembers what an earlier watcher has read.
        pause: seconds between two looks.

    Attributes:
        timeline: seconds since the start and the number of files, whenever that number changed.
        changed: seconds until the command first changed anything, or None.
        names: of the files that are there.
    """

    def __init__(self, reader: Reader, *, pause: float = 0.03) -> None:
        super().__init__(daemon=True)
        self.reader, self.pause = reader, pause
        self.started = time.monotonic()
        self.names, _ = reader.look()
        self.timeline: list[tuple[float, int]] = []
        self.changed: float | None = None
        self.last = 0.0
        self._ended = threading.Event()
        self._count = len(self.names)

    def run(self) -> None:
        """Look until `stop` is called."""
        while not self._ended.wait(self.pause):
            self._look()

    def _look(self) -> None:
        now = time.monotonic() - self.started
        self.names, changed = self.reader.look()
        if changed:
            self.changed = now if self.changed is None else self.changed
            self.last = now
        if len(self.names) != self._count:
            self._count = len(self.names)
            self.timeline.append((now, self._count))

    def stop(self) -> None:
        """End it and look a last time."""
        self._ended.set()
        self.join()
        self._look()
