"""Make pairs of natural and cloaked faces that a purifier learns from."""

from __future__ import annotations

from facewarden.verbs.pairs import PairsResult, pairs


def show(result: PairsResult) -> int:
    """Print the counts."""
    print(f"shards written {result.done} with {result.pairs} pairs, already there {result.kept}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    print(f"pairs: {result.folder} (facewarden train puface --pairs {result.folder} --out DIR)")
    return 0


entry = pairs
