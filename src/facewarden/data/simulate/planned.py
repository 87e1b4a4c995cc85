"""Rows that `simulate` would write, without pictures: to check a protocol before anything is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.data.datasets import Dataset
from facewarden.data.sample import Sample
from facewarden.data.sample_words import as_split
from facewarden.data.simulate.person.people import Locate
from facewarden.data.simulate.run import plans_of


def planned_samples(
    *,
    subjects: int = 24,
    captures_per_subject: int = 8,
    domains: Sequence[str] | None = None,
    species: Sequence[str] | None = None,
    faces: Path | Dataset | None = None,
    locate: Locate | None = None,
    size: int = 224,
    framing: float = 0.4,
    seed: int = 0,
    workers: int = 1,
    maps: bool = False,
) -> tuple[Sample, ...]:
    """Rows that `simulate` would write for the same arguments; their color images have names but do not exist.

    Args:
        subjects, captures_per_subject, domains, species, faces, locate, size, framing, seed: as for `simulate`.
        workers, maps: taken so that the same arguments will do; they change no row.

    Raises:
        BadInputError: arguments that make no set.
    """
    _, plans, _ = plans_of(
        faces, subjects=subjects, captures_per_subject=captures_per_subject, domains=domains, species=species,
        locate=locate, size=size, framing=framing, seed=seed,
    )  # fmt: skip
    return tuple(
        Sample(
            key=spec.key, split=as_split(spec.split), label=BONA_FIDE if spec.species == "bona_fide" else ATTACK,
            species=spec.species, subject=spec.subject, domain=spec.domain, rgb=f"{spec.key}.png", simulated=True,
        )
        for plan in plans
        for spec in plan.specs
    )  # fmt: skip
