"""The record beside a freeze file of how often its sealed part was opened, written before anything is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facewarden.core.artifact import sha256
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import parse_json, read_json_bounded
from facewarden.core.identity.repository import versions_of

_RECORDS = "*.openings.json"
_CHANGES = ("finished", "sha256")  # what `finish_opening` changes of an opening


def record_of(freeze: Path) -> Path:
    """The file that counts the openings of a freeze file."""
    return freeze.with_name(f"{freeze.stem}.openings.json")


def begin_opening(freeze: Path, *, commits: Sequence[str], out: Path, again: bool, resume: bool) -> int:
    """Note an opening and return its number, or that of an unfinished one which is gone on with.

    Args:
        freeze: the freeze file.
        commits: that gave it its content, the oldest first: that one froze it.
        out: where results are written; only its name is noted.
        again: open although it was opened before.
        resume: go on with the last opening where it has not been finished.

    Raises:
        BadInputError: it was opened before.
    """
    held, before = _openings(record_of(freeze)), _count(freeze, commits)
    last, commit = held[-1] if held else None, commits[0]
    if resume and last is not None and not last["finished"] and last["out"] == out.name and last["commit"] == commit:
        return before
    if before and not again:
        raise BadInputError(
            f"{freeze}: its sealed part was opened before ({before} times, see {record_of(freeze).name} "
            f"and git log --all -p -- '{_RECORDS}')",
            hint="--resume goes on with an opening that was cut off; --again opens it once more, which is marked",
        )
    begun = datetime.now(UTC).isoformat()
    about = {"commit": commit, "freeze": sha256(freeze), "begun": begun, "out": out.name, "finished": False}
    _write(freeze, [*held, about])
    return before + 1


def finish_opening(freeze: Path, *, digests: dict[str, str]) -> None:
    """Note that the last opening came to its end, with digests of what it gave."""
    held = _openings(record_of(freeze))
    held[-1] = {**held[-1], "finished": True, "sha256": digests}
    _write(freeze, held)


def _count(freeze: Path, commits: Sequence[str]) -> int:
    """How often the content of a freeze file was opened, by every record beside it and in the repository's history.

    An opening in an older record names the commit alone.
    """
    digest, own = sha256(freeze), record_of(freeze)
    found: Counter[str] = Counter()
    beside = {path: _openings(path) for path in sorted(freeze.parent.glob(_RECORDS))}
    for path, held in (*beside.items(), *((None, held) for held in _past(freeze.parent))):
        found |= Counter(
            str(sorted((name, value) for name, value in one.items() if name not in _CHANGES))
            for one in held
            if (one["freeze"] == digest if "freeze" in one else path == own or one["commit"] in commits)
        )
    return found.total()


def _past(folder: Path) -> list[list[dict[str, Any]]]:
    """The openings of every record that is in the repository's history; one that was damaged cannot be mended there."""
    found = []
    for text in versions_of(folder, _RECORDS):
        with suppress(BadInputError, ValueError):
            found.append(_checked(parse_json(text, what=_RECORDS)))
    return found


def _openings(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return _checked(read_json_bounded(path))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="git checkout the file") from error


def _checked(record: Any) -> list[dict[str, Any]]:
    held = record.get("openings") if isinstance(record, dict) else None
    if not isinstance(held, list) or not all(
        isinstance(one, dict) and {"commit", "out", "finished"} <= set(one) for one in held
    ):
        raise ValueError("not a list of openings")
    return held


def _write(freeze: Path, held: list[dict[str, Any]]) -> None:
    try:
        write_json(record_of(freeze), {"openings": held})
    except OSError as error:
        raise BadInputError(f"{record_of(freeze)}: cannot be written: {error}", hint="a writable folder") from error
