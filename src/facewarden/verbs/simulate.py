"""Simulate registered captures of bona fide and attack presentations, or a published set's layout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, path_of, several
from facewarden.data.datasets import open_dataset
from facewarden.data.simulate import SimulatedSet, Simulation
from facewarden.data.simulate.specification import FRAMING
from facewarden.data.simulate.twin import simulate_layout
from facewarden.evaluation.simulated_captures import locator, simulate_captures
from facewarden.scale.record import sharded


@locking
@sharded("simulate", of="people", apart=("faces",))
def simulate(
    out: PathLike,
    /,
    *,
    version: int = 1,
    subjects: int = 24,
    captures_per_subject: int = 8,
    domains: str | Sequence[str] = (),
    species: str | Sequence[str] = (),
    faces: PathLike | None = None,
    size: int = 224,
    framing: float | None = None,
    seed: int = 0,
    shard: str | None = None,
    workers: int = 0,
    maps: bool = False,
    layout: str | None = None,
) -> SimulatedSet:
    """Simulate registered color, depth and near-infrared captures of bona fide and attack presentations.

    Args:
        out: folder to write to: images, manifest.csv, card.json, README.md and a contact sheet.
        version: of the simulator; 2 has 24 sites, 8-bit depth as published sets deliver it, and more instruments; 3
            has 24 other sites, at each of which attacks differ from faces to another side.
        subjects: how many people; each is captured in one sensor domain.
        captures_per_subject: of each, half of them bona fide, or each site's own share from version 2 on.
        domains: sensor domains (alder, birch, cedar, dogwood; from version 2 on site_01 to site_24); all when left out.
        species: attack species; each domain's own mix when left out.
        faces: photos of people instead of procedural ones: orl, lfw:DIR, london:DIR or DIR with one folder per person.
        size: width and height of the frames in pixels.
        framing: width of the face as a share of the frame's width; 0.4 in version 1, each site's own in others, when
            left out.
        seed: decides everything; the same whatever the number of workers.
        shard: I/N, such as 1/8: only this share of the people, for `merge`; left out, all.
        workers: processes; all cores when 0.
        maps: also write exact depth and reflection.
        layout: write faces cut out, as a published set lies on disk (wmca, casia_surf, casia_cefa, padisi,
            celeba_spoof), with its known defects; subjects, faces, size, seed and one of domains apply.
    """
    out, domains, species = path_of(out), several(domains), several(species)
    hold(out)
    faces = None if faces is None else os.fspath(faces)
    if layout is not None and shard is not None:
        raise BadInputError("a layout is written whole", hint="--shard without --layout")
    if layout is not None:
        if (
            version != 1
            or captures_per_subject != 8
            or species
            or maps
            or framing not in (None, FRAMING)
            or len(domains) > 1
        ):
            raise BadInputError(
                "a layout decides species, captures per subject and framing itself, and has one domain of version 1",
                hint="--layout with --subjects, --domains, --faces, --size and --seed",
            )
        return _layout(out, layout, subjects, domains, faces, size, seed)
    simulation = Simulation(
        version=_version(version),
        subjects=subjects,
        captures_per_subject=captures_per_subject,
        domains=domains,
        species=species,
        size=size,
        framing=framing,
        seed=seed,
        maps=maps,
    )
    return simulate_captures(out, simulation, faces=faces, workers=workers)


def _version(number: int) -> Literal[1, 2, 3]:
    for known in (1, 2, 3):
        if number == known:
            return known
    raise BadInputError(f"the simulator has no version {number}", hint="--version 1, 2 or 3")


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
