"""Purify every photo of a folder before a recognizer learns from it."""

from __future__ import annotations

from facewarden.bench.purify import Purified, purify


def show(result: Purified) -> int:
    """Print the counts."""
    print(f"purified {result.done}, already there {result.kept}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    if result.done or result.kept:
        print(f"record: {result.manifest}")
    return 0


entry = purify
