"""The one way to write a file that anyone reads again: complete under its name, or not there."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

_STALE_SECONDS = 24 * 3600
_TEMPORARY = re.compile(r"^\.[0-9a-f]{8}\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)\.tmp(\..*)?$")


@contextmanager
def writing(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Give the path of a temporary file in the same folder, which takes the place of `path` at the end of the block.

    A reader sees the old file or the whole new one, also after a kill or with a full disk. An exception in the block
    removes the temporary file and leaves the old one.

    Args:
        path: the file to write; its folder must exist.
        sync: force the bytes to the disk before the file gets its name. Without it, thousands of files are cheap;
            whoever writes them calls `sync_files` before the marker that says they are there.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        if sync:
            sync_files([temporary])
        temporary.replace(path)
        if sync:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def temporary_name(path: Path) -> Path:
    """A hidden name beside a file, of this process alone; it keeps the suffix, by which encoders choose the format."""
    # short whatever the target's name is, which may be as long as a name can be
    short = hashlib.blake2b(os.fsencode(path.name), digest_size=4).hexdigest()
    return path.with_name(f".{short}.{_host()}-{os.getpid()}.tmp{path.suffix[:16]}")


@contextmanager
def writing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `folder`, which takes its place, synced, at the end of the block.

    Raises:
        OSError: it cannot be written.
    """
    temporary = temporary_name(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        sync_files(path for path in temporary.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def path_from(folder: Path, target: Path) -> str:
    """Return where a file is, seen from a folder, so that `folder / path_from(folder, target)` opens it.

    Below the folder names stay as they are typed. Elsewhere the way leads up from where the folder really is, which a
    symbolic link in its name does not show.
    """
    typed = os.path.relpath(target, folder)
    if ".." not in target.parts and Path(typed).parts[:1] != ("..",):
        return typed
    return os.path.relpath(Path(os.path.realpath(target.parent), target.name), os.path.realpath(folder))


def write_text(path: Path, text: str, *, sync: bool = True) -> Path:
    """Write a text in UTF-8 and return its path.

    Raises:
        OSError: it cannot be written.
    """
    # bytes of a file name that are not UTF-8 show as escapes: no reason to lose a report at the end of its work
    return write_bytes(path, text.encode("utf-8", "backslashreplace"), sync=sync)


def write_bytes(path: Path, data: bytes, *, sync: bool = True) -> Path:
    """Write bytes and return the path.

    Raises:
        OSError: they cannot be written.
    """
    with writing(path, sync=sync) as temporary:
        temporary.write_bytes(data)
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write JSON with sorted keys and return its path; NaN and infinity are refused.

    Raises:
        OSError: it cannot be written.
    """
    return write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def sync_files(paths: Iterable[Path]) -> None:
    """Force files to the disk.

    Raises:
        OSError: the disk refuses them.
    """
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def remove_stale(folder: Path, *, deep: bool = True) -> int:
    """Remove temporary files and folders that a killed process left below a folder; returns how many there were.

    What a process that still runs on this machine writes stays, and so does young work of another machine.

    Args:
        folder: where to look.
        deep: also in the folders below.
    """
    removed = 0
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            match = _TEMPORARY.match(name)
            if match is None:
                continue
            path = Path(parent, name)
            with suppress(OSError):
                old = time.time() - path.lstat().st_mtime > _STALE_SECONDS
                if old or (match["host"] == _host() and not _runs(int(match["pid"]))):
                    shutil.rmtree(path) if name in folders else path.unlink()
                    removed += 1
        folders[:] = [name for name in folders if deep and not _TEMPORARY.match(name)]
    return removed


def _runs(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs and belongs to somebody else
        return True
    return True


@lru_cache(maxsize=1)
def _host() -> str:
    """Tells machines that share a folder apart, without writing their names down."""
    return hashlib.blake2b(platform.node().encode(), digest_size=3).hexdigest()


def sync_folder(folder: Path) -> None:
    """Make a rename last; a file system that cannot sync folders is left to itself."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
