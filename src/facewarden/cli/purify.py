"""Purify every face in a folder of photos before a recognizer learns from them."""

from __future__ import annotations

from facewarden.verbs.purify import Purified, purify


def show(result: Purified) -> int:
    """Print the counts."""
    copied = f", copied as not suspicious {result.copied}" if result.copied else ""
    print(f"purified {result.done}{copied}, already there {result.kept}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    for note, count in result.notes.items():
        print(f"note for {count}: {note}")
    print(f"per photo: {result.manifest}")
    return 0


entry = purify
