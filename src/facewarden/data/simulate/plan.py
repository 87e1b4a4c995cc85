"""The captures of a set: assigns subjects to sites and splits, species and light to captures, by one seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facewarden.core.labels import SPLITS
from facewarden.data.simulate.capture import CaptureSpec, generator
from facewarden.data.simulate.person.people import People, attacker_of
from facewarden.data.simulate.sensor.domains import Domain
from facewarden.data.simulate.site_plan import PATTERN, SubjectPlan, site_plan, weighted
from facewarden.data.simulate.specification import Simulation


def make_plan(people: People, simulation: Simulation) -> tuple[SubjectPlan, ...]:
    """Plan a set.

    Subjects go to the sites in turn, and to the splits so that every site comes to have all three. Half of a
    subject's captures, rounded up, are bona fide; the attacks are drawn by the site's weights, no species twice
    before all were met.

    Args:
        people: who is captured.
        simulation: what to simulate; of version 2, whose sites decide more, see `site_plan`.
    """
    if simulation.version > 1:
        return site_plan(people, simulation)
    sites = simulation.sites
    subjects, seed = simulation.subjects, simulation.seed
    split_of = [SPLITS[PATTERN[(i // len(sites) + i % len(sites)) % len(PATTERN)]] for i in range(subjects)]
    plans = []
    for person in range(subjects):
        site = sites[person % len(sites)]
        subject = people.name(person)
        rng = generator(seed, "plan", site.name, subject)
        kinds = _kinds(rng, site, simulation.captures_per_subject, species=simulation.species)
        specs = []
        for index, kind in enumerate(kinds):
            illumination = weighted(rng, site.illumination)
            environment = "outdoor" if rng.random() < site.outdoor else "indoor"
            specs.append(
                CaptureSpec(
                    f"{site.name}_{subject}_{index:03d}", subject, kind, site.name, illumination, environment,
                    session=str(1 + index % 2), split=split_of[person], seed=seed, size=simulation.size,
                    framing=simulation.framing_at(site),
                )
            )  # fmt: skip
        members = [other for other in range(subjects) if split_of[other] == split_of[person]]
        plans.append(SubjectPlan(person, attacker_of(person, members, population=subjects), tuple(specs)))
    return tuple(plans)


def _kinds(rng: np.random.Generator, site: Domain, count: int, *, species: Sequence[str]) -> list[str]:
    attacks = [name for name in (species or site.species) if name != "bona_fide"]
    bona_fide = count if not attacks else (count + 1) // 2
    kinds = ["bona_fide"] * bona_fide
    left: dict[str, float] = {}
    for _ in range(count - bona_fide):
        left = left or {name: float(site.species.get(name, 1.0)) for name in attacks}
        kinds.append(weighted(rng, left))
        del left[kinds[-1]]
    return kinds
