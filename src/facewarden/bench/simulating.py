"""The simulator with what it needs from above it: a face finder for photos, and every core of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.data.datasets import open_dataset
from facewarden.data.depth import read_depth
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample
from facewarden.data.simulate import Capture, CaptureSpec, SimulatedSet
from facewarden.data.simulate import simulate as _simulate
from facewarden.data.simulate.people import Locate
from facewarden.data.simulate.sheet import write_sheet
from facewarden.data.simulate.twin import simulate_layout


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


def simulate(
    out: Path,
    /,
    *,
    subjects: int = 24,
    captures_per_subject: int = 8,
    domains: tuple[str, ...] = (),
    species: tuple[str, ...] = (),
    faces: str | None = None,
    size: int = 224,
    framing: float = 0.4,
    seed: int = 0,
    workers: int = 0,
    maps: bool = False,
    layout: str | None = None,
) -> SimulatedSet:
    """Simulate registered color, depth and near-infrared captures of bona fide and attack presentations.

    Args:
        out: folder to write to: images, manifest.csv, card.json, README.md and a contact sheet.
        subjects: how many people; each is captured in one sensor domain.
        captures_per_subject: of each, half of them bona fide.
        domains: sensor domains (alder, birch, cedar, dogwood); all of them when left out.
        species: attack species; each domain's own mix when left out.
        faces: photos of people instead of procedural ones: orl, lfw:DIR, london:DIR or DIR with one folder per person.
        size: width and height of the frames in pixels.
        framing: width of the face as a share of the frame's width.
        seed: decides everything; the same whatever the number of workers.
        workers: processes; all cores when 0.
        maps: also write exact depth and reflection.
        layout: write faces cut out, as a published set lies on disk (wmca, casia_surf, casia_cefa, padisi,
            celeba_spoof), with its known defects; subjects, faces, size, seed and one of domains apply.
    """
    if layout is not None:
        if captures_per_subject != 8 or species or maps or framing != 0.4 or len(domains) > 1:
            raise BadInputError(
                "a layout decides species, captures per subject and framing itself, and has one domain",
                hint="--layout with --subjects, --domains, --faces, --size and --seed",
            )
        return _layout(out, layout, subjects, domains, faces, size, seed)
    if subjects < 1 or captures_per_subject < 1:
        raise BadInputError("at least one subject and one capture", hint="--subjects 24 --captures-per-subject 8")
    found = _simulate(
        out,
        subjects=subjects,
        captures_per_subject=captures_per_subject,
        domains=domains or None,
        species=species or None,
        faces=None if faces is None else open_dataset(faces),
        locate=None if faces is None else locator(),
        size=size,
        framing=framing,
        seed=seed,
        workers=workers or cores(),
        maps=maps,
    )
    write_sheet(out / "sheet.png", shown_captures(found.manifest))
    return found


def _layout(
    out: Path, layout: str, subjects: int, domains: tuple[str, ...], faces: str | None, size: int, seed: int
) -> SimulatedSet:
    found = simulate_layout(
        out,
        layout=layout,
        subjects=subjects,
        sensors=domains[0] if domains else None,
        faces=None if faces is None else open_dataset(faces),
        locate=None if faces is None else locator(),
        size=size,
        seed=seed,
    )
    return SimulatedSet(found, Path(f"{layout}:{out}"), {})


def shown_captures(manifest: Manifest, *, each: int = 4) -> Iterator[Capture]:
    """Read a few captures of every species back, spread over subjects, for a person to look at."""
    for species in sorted(manifest.counts("species")):
        rows = manifest.where(species=species).rows
        for sample in rows[:: max(1, len(rows) // each)][:each]:
            depth, infrared = (
                read_depth(_file(manifest, sample, "depth")),
                read_photo(_file(manifest, sample, "infrared")),
            )
            nothing = np.zeros(depth.shape, np.float32)
            yield Capture(
                spec=CaptureSpec(sample.key, sample.subject, sample.species, sample.domain),
                rgb=read_photo(_file(manifest, sample, "rgb")),
                depth=depth,
                infrared=infrared[..., 0],
                true_depth=nothing,
                reflection=nothing,
                box=np.array(sample.box, np.float32),
                landmarks=np.array(sample.landmarks, np.float32),
                label=sample.label,
            )


def _file(manifest: Manifest, sample: Sample, modality: str) -> Path:
    path = manifest.path(sample, modality)
    assert path is not None  # the simulator writes all three
    return path
