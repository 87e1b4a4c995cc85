"""The record beside a freeze file of how often its sealed part was opened, written before anything is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded


def record_of(freeze: Path) -> Path:
    """The file that counts the openings of a freeze file."""
    return freeze.with_name(f"{freeze.stem}.openings.json")


def begin_opening(freeze: Path, *, commit: str, out: Path, again: bool, resume: bool) -> int:
    """Note an opening and return its number, or that of an unfinished one which is gone on with.

    Args:
        freeze: the freeze file.
        commit: that froze it.
        out: where results are written; only its name is noted.
        again: open although it was opened before.
        resume: go on with the last opening where it has not been finished.

    Raises:
        BadInputError: it was opened before.
    """
    held = openings(freeze)
    last = held[-1] if held else None
    if resume and last is not None and not last["finished"] and last["out"] == out.name and last["commit"] == commit:
        return len(held)
    if held and not again:
        raise BadInputError(
            f"{freeze}: its sealed part was opened before ({len(held)} times, see {record_of(freeze).name})",
            hint="--resume goes on with an opening that was cut off; --again opens it once more, which is marked",
        )
    _write(freeze, [*held, {"commit": commit, "out": out.name, "finished": False}])
    return len(held) + 1


def finish_opening(freeze: Path, *, digests: dict[str, str]) -> None:
    """Note that the last opening came to its end, with digests of what it gave."""
    held = openings(freeze)
    held[-1] = {**held[-1], "finished": True, "sha256": digests}
    _write(freeze, held)


def openings(freeze: Path) -> list[dict[str, Any]]:
    """The openings so far.

    Raises:
        BadInputError: the record cannot be read.
    """
    path = record_of(freeze)
    if not path.exists():
        return []
    try:
        held = read_json_bounded(path)["openings"]
        if not isinstance(held, list) or not all({"commit", "out", "finished"} <= set(one) for one in held):
            raise ValueError("not a list of openings")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="git checkout the file") from error
    return held


def _write(freeze: Path, held: list[dict[str, Any]]) -> None:
    try:
        write_json(record_of(freeze), {"openings": held})
    except OSError as error:
        raise BadInputError(f"{record_of(freeze)}: cannot be written: {error}", hint="a writable folder") from error
