"""Cloak every face in a folder of photos, so that recognizers learn the wrong face from them."""

from __future__ import annotations

from facewarden.verbs.cloak import Cloaked, cloak


def show(result: Cloaked) -> int:
    """Print counts and mean numbers."""
    print(f"cloaked {result.done}, already there {result.kept}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    for note, count in result.notes.items():
        print(f"note for {count}: {note}")
    if result.suspicious:
        print(f"suspicious {result.suspicious}: cloaked before, it seems; twice cloaked, a photo exceeds the budget")
    for name, value in result.summary.items():
        print(f"  {name:<24} {value:7.3f} (mean over photos)")
    print(f"per photo: {result.manifest}")
    return 0


entry = cloak
