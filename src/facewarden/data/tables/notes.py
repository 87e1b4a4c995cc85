"""What is to be known of a table: sentences in a file beside it, so that the table stays a plain one."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.data.text import printable


def notes_of(path: Path) -> Path:
    """Path of a manifest's notes: a list of sentences in a file beside it, so that the table stays a plain table."""
    return path.with_name(f"{path.name}.notes.json")


def read_notes(path: Path) -> tuple[str, ...]:
    """The sentences of such a file; none where there is no file.

    Raises:
        BadInputError: it is no list of sentences.
    """
    if not path.is_file():
        return ()
    try:
        notes = read_json_bounded(path)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{printable(path)}: not JSON: {error}", hint="remove it, the manifest is whole") from error
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise BadInputError(f"{printable(path)}: not a list of sentences", hint="remove it, the manifest is whole")
    return tuple(notes)
