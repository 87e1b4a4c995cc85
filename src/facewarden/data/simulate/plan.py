"""The captures of a set: assigns subjects to sites and splits, species and light to captures, by one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.core.labels import SPLITS
from facewarden.data.simulate.capture import CaptureSpec, generator
from facewarden.data.simulate.person.people import People, attacker_of
from facewarden.data.simulate.sensor.domains import Domain, domain
from facewarden.data.simulate.specification import Simulation

_PATTERN = (0, 1, 2, 0, 0)  # train, dev, test, train, train: three fifths train, and few subjects still reach all


@dataclass(frozen=True)
class SubjectPlan:
    """All captures of one subject.

    Attributes:
        person: number of the subject among the people.
        attacker: number of who holds or wears the instruments.
        specs: the captures.
    """

    person: int
    attacker: int
    specs: tuple[CaptureSpec, ...]


def make_plan(people: People, simulation: Simulation) -> tuple[SubjectPlan, ...]:
    """Plan a set.

    Subjects go to the sites in turn, and to the splits so that every site comes to have all three. Half of a
    subject's captures, rounded up, are bona fide; the attacks are drawn by the site's weights, no species twice
    before all were met.

    Args:
        people: who is captured.
        simulation: what to simulate.
    """
    sites = [domain(name) for name in simulation.sites]
    subjects, seed = simulation.subjects, simulation.seed
    split_of = [SPLITS[_PATTERN[(i // len(sites) + i % len(sites)) % len(_PATTERN)]] for i in range(subjects)]
    plans = []
    for person in range(subjects):
        site = sites[person % len(sites)]
        subject = people.name(person)
        rng = generator(seed, "plan", site.name, subject)
        kinds = _kinds(rng, site, simulation.captures_per_subject, species=simulation.species)
        specs = []
        for index, kind in enumerate(kinds):
            illumination = _weighted(rng, dict(site.illumination))
            environment = "outdoor" if rng.random() < site.outdoor else "indoor"
            specs.append(
                CaptureSpec(
                    f"{site.name}_{subject}_{index:03d}", subject, kind, site.name, illumination, environment,
                    session=str(1 + index % 2), split=split_of[person], seed=seed, size=simulation.size,
                    framing=simulation.face_share,
                )
            )  # fmt: skip
        members = [other for other in range(subjects) if split_of[other] == split_of[person]]
        plans.append(SubjectPlan(person, attacker_of(person, members, population=subjects), tuple(specs)))
    return tuple(plans)


def _weighted(rng: np.random.Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def _kinds(rng: np.random.Generator, site: Domain, count: int, *, species: Sequence[str]) -> list[str]:
    attacks = [name for name in (species or site.species) if name != "bona_fide"]
    bona_fide = count if not attacks else (count + 1) // 2
    kinds = ["bona_fide"] * bona_fide
    left: dict[str, float] = {}
    for _ in range(count - bona_fide):
        left = left or {name: float(site.species.get(name, 1.0)) for name in attacks}
        kinds.append(_weighted(rng, left))
        del left[kinds[-1]]
    return kinds
