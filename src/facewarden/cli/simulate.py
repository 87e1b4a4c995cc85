"""Simulate registered color, depth and infrared captures of bona fide and attack presentations, with ground truth."""

from __future__ import annotations

from facewarden.bench.simulating import simulate
from facewarden.data.simulate import SimulatedSet


def show(result: SimulatedSet) -> int:
    """Print counts and where the manifest is."""
    for species, count in result.manifest.counts("species").items():
        print(f"{count:6d}  {species}")
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    print(f"simulated captures: {result.path}")
    print(f"to look at: {result.path.parent / 'sheet.png'}")
    return 0


entry = simulate
