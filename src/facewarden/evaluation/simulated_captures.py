"""Simulated captures with what the simulator needs from above it: a face finder for photos, every core, a sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.registry import load
from facewarden.data.datasets import open_dataset
from facewarden.data.depth import read_depth, read_depth_picture
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample
from facewarden.data.simulate import Capture, CaptureSpec, SimulatedSet, Simulation, simulate
from facewarden.data.simulate.person.people import Locate
from facewarden.data.simulate.sheet import write_sheet


def locator() -> Locate:
    """A function that finds five landmarks in an RGB photo, or None where there is no face."""
    aligner = load("align", "yunet")()

    def locate(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        found = aligner.locate(image)
        return np.array(found[0].landmarks, dtype=np.float32) if found else None

    return locate


def cores() -> int:
    """How many processes simulate at once: every core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def simulate_captures(out: Path, simulation: Simulation, *, faces: str | None = None, workers: int = 0) -> SimulatedSet:
    """Simulate captures into a folder, with a contact sheet.

    Args:
        out: the folder.
        simulation: what to simulate.
        faces: photos of people instead of procedural people; a set of `facewarden list datasets`, or a folder.
        workers: processes; 0 is every core.

    Raises:
        BadInputError: what the simulator refuses.
    """
    made = simulate(
        out,
        simulation,
        faces=None if faces is None else open_dataset(faces),
        locate=None if faces is None else locator(),
        workers=workers or cores(),
    )
    if len(made.manifest):
        write_sheet(out / "sheet.png", shown_captures(made.manifest))
    return made


def shown_captures(manifest: Manifest, *, each: int = 4) -> Iterator[Capture]:
    """Read a few captures of every species back, spread over subjects, for a person to look at."""
    for species in sorted(manifest.counts("species")):
        rows = manifest.where(species=species).rows
        for sample in rows[:: max(1, len(rows) // each)][:each]:
            pictured = sample.depth_encoding == "picture"
            path, infrared = _file(manifest, sample, "depth"), read_photo(_file(manifest, sample, "infrared"))
            nothing = np.zeros(infrared.shape[:2], np.float32)
            yield Capture(
                spec=CaptureSpec(
                    sample.key, sample.subject, sample.species, sample.domain, version=2 if pictured else 1
                ),
                rgb=read_photo(_file(manifest, sample, "rgb")),
                depth=nothing.astype(np.uint16) if pictured else read_depth(path),
                infrared=infrared[..., 0],
                true_depth=nothing,
                reflection=nothing,
                box=np.array(sample.box, np.float32),
                landmarks=np.array(sample.landmarks, np.float32),
                label=sample.label,
                depth_picture=read_depth_picture(path) if pictured else None,
            )


def _file(manifest: Manifest, sample: Sample, modality: str) -> Path:
    path = manifest.path(sample, modality)
    assert path is not None  # the simulator writes all three
    return path
