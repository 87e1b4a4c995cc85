"""Rows that `simulate` would write, without pictures: to check a protocol before anything is rendered."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.data.datasets import Dataset
from facewarden.data.sample import Sample
from facewarden.data.sample_words import as_split
from facewarden.data.simulate.person.people import Locate
from facewarden.data.simulate.run import plans_of
from facewarden.data.simulate.specification import Simulation


def planned_samples(
    simulation: Simulation, *, faces: Path | Dataset | None = None, locate: Locate | None = None
) -> tuple[Sample, ...]:
    """Rows that `simulate` would write for the same arguments; their color images have names but do not exist.

    Args:
        simulation, faces, locate: as for `simulate`.

    Raises:
        BadInputError: photos that make no people.
    """
    _, plans, _ = plans_of(simulation, faces=faces, locate=locate)
    return tuple(
        Sample(
            key=spec.key, split=as_split(spec.split), label=BONA_FIDE if spec.species == "bona_fide" else ATTACK,
            species=spec.species, subject=spec.subject, domain=spec.domain, rgb=f"{spec.key}.png", simulated=True,
        )
        for plan in plans
        for spec in plan.specs
    )  # fmt: skip
