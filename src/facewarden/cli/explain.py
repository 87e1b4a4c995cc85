"""Draw where a detector of three sensors is uncertain, one heat map a sensor for each capture."""

from __future__ import annotations

from facewarden.verbs.explain import Explained, explain


def show(made: Explained) -> int:
    """Print where the pictures are."""
    print(f"{len(made.pictures)} heat maps: {made.out}")
    return 0


entry = explain
