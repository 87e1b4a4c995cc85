"""Simulate registered color, depth and infrared captures of bona fide and attack presentations, with ground truth."""

from __future__ import annotations

from facewarden.data.simulate import SimulatedSet
from facewarden.verbs.simulate import simulate


def show(result: SimulatedSet) -> int:
    """Print counts and where the manifest is."""
    for species, count in result.manifest.counts("species").items():
        print(f"{count:6d}  {species}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    for note in result.manifest.notes:
        print(f"note: {note}")
    print(f"simulated captures: {result.path}")
    sheet = result.path.parent / "sheet.png"
    print(f"to look at: {sheet}" if sheet.is_file() else f"use them with --captures {result.path}")
    return 0


entry = simulate
