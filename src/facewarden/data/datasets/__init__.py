"""Published layouts, one file each: face photos, which `open_dataset` opens, and captures, as `data.captures` does."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

from facewarden.core import registry
from facewarden.core.errors import BadInputError, ContractError
from facewarden.data.datasets.parts.base import Dataset, FacePhoto
from facewarden.data.datasets.parts.captures import CaptureSet
from facewarden.data.text import printable
from facewarden.data.video.file_kinds import refuse_no_photo

_LOG = logging.getLogger("facewarden")

__all__ = ["CaptureSet", "Dataset", "FacePhoto", "open_dataset"]


def open_dataset(spec: str | Path) -> Dataset:
    """Open a set of face photos.

    Args:
        spec: a path that exists: a manifest (or the folder of one) is opened as `simulated`, any other folder as
            `folder`, one folder per person. Else a name and a path ("lfw:PATH"), or a name from `facewarden list
            datasets` for a set that was fetched ("orl").

    Raises:
        BadInputError: no such path, or a set that needs one.
        UnknownEntryError: no set of that name.
        MissingAssetError: the set has not been fetched.
    """
    text = str(spec)
    names = {entry.name for entry in registry.list_entries("datasets")}
    head, colon, tail = text.partition(":")
    if isinstance(spec, str) and head in names and _is_there(Path(text)):
        _LOG.warning("%s: this path is used, not the dataset of the same name", text)
    elif isinstance(spec, str) and head in names:
        if colon and not tail:
            raise BadInputError(f"{text}: no path after the colon", hint=f"{head}:PATH")
        return _made(head, _expanded(tail) if colon else None)
    path = _expanded(text)
    if not _is_there(path):
        names = {name for name in names if not _is_captures(registry.load("datasets", name))}
        close = difflib.get_close_matches(head, sorted(names), n=1, cutoff=0.6)
        guess = f"; did you mean {close[0]}{':PATH' if colon else ''}?" if close else ""
        refuse_no_photo(text)
        raise BadInputError(
            f"{printable(path)}: neither a folder nor a known set{guess}",
            hint=f"a folder with one folder per person, or one of {', '.join(sorted(names))}",
        )
    if path.is_file() and not _is_manifest(path):
        refuse_no_photo(text)
    return _made("simulated" if _is_manifest(path) else "folder", path)


def _made(name: str, path: Path | None) -> Dataset:
    made = registry.load("datasets", name)
    if _is_captures(made):
        raise BadInputError(
            f"{name} is a set of captures, not of photos of people to recognize", hint=f"--captures {name}:PATH"
        )
    if not (isinstance(made, type) and issubclass(made, Dataset)):
        raise ContractError(f"datasets entry {name!r} is not a Dataset class", hint="entry = TheClass")
    opened = made(path)
    for line in (opened.understood, *opened.notes):
        if line:
            _LOG.info("%s", line)
    return opened


def _is_captures(made: object) -> bool:
    return isinstance(made, type) and issubclass(made, CaptureSet)


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # ~somebody without a home
        return Path(text)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a NUL, or a name too long for the disk
        return False


def _is_manifest(path: Path) -> bool:
    if path.is_dir():
        return any((path / f"manifest{suffix}").is_file() for suffix in (".parquet", ".csv"))
    return path.suffix.lower() in (".parquet", ".csv")
