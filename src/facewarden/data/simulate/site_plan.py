"""The captures of a set of version 2: sites have their own people, sizes, shares of classes, subtypes and qualities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPLITS
from facewarden.core.seeding import derive
from facewarden.data.simulate.capture import CaptureSpec, generator
from facewarden.data.simulate.person.people import People, PhotoPeople, attacker_of
from facewarden.data.simulate.sensor.site import Site
from facewarden.data.simulate.specification import Simulation

PATTERN = (0, 1, 2, 0, 0)  # train, dev, test, train, train: three fifths train, and few subjects still reach all
_NUMBERS = 100_000
"""More people than a site has: procedural people are numbered by site, so that no site shares any with another."""


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


def site_plan(people: People, simulation: Simulation) -> tuple[SubjectPlan, ...]:
    """Plan a set of version 2.

    Every site gets people of its own by its size, three fifths of them in the split train and a fifth each in dev and
    test. A share of all captures that is the site's own is bona fide, spread evenly over its people; their subtypes
    are drawn by the site's weights. Attacks go through the site's species in proportion to their weights, at the
    site's quality, by another person of the same site and split.

    Args:
        people: who is captured. Procedural people are the same for a site whatever other sites are simulated.
        simulation: what to simulate.

    Raises:
        BadInputError: fewer people than sites.
    """
    sites = [site for site in simulation.sites if isinstance(site, Site)]
    counts = _sizes([site.size for site in sites], simulation.subjects)
    plans: list[SubjectPlan] = []
    first = 0
    for site, count in zip(sites, counts, strict=True):
        # photos are of as many people as there are, numbered from 0
        start = first if isinstance(people, PhotoPeople) else _first_of(site)
        plans += _of_site(people, simulation, site, members=range(start, start + count))
        first += count
    return tuple(plans)


def _first_of(site: Site) -> int:
    """Number of the first of a site's procedural people; those of sealed sites follow from their names."""
    prefix, _, _ = site.name.rpartition("_")  # "site", or "sealed_0123abcd" for all sites of that seed
    block = 0 if prefix == "site" else 1 + derive(0, prefix) % 10**5
    return (100 * block + site.number) * _NUMBERS


def _sizes(weights: Sequence[float], subjects: int) -> list[int]:
    """Whole numbers in proportion to the weights, at least 1 each, that add up to all people."""
    if subjects < len(weights):
        raise BadInputError(
            f"{subjects} people at {len(weights)} sites", hint=f"--subjects {len(weights)}, or fewer --domains"
        )
    share = np.array(weights) / sum(weights) * (subjects - len(weights))
    counts = share.astype(int)
    for place in np.argsort(counts - share, kind="stable")[: subjects - len(weights) - int(counts.sum())]:
        counts[place] += 1
    return [int(count) + 1 for count in counts]


def _of_site(people: People, simulation: Simulation, site: Site, *, members: range) -> list[SubjectPlan]:
    each, seed = simulation.captures_per_subject, simulation.seed
    species = [name for name in (simulation.species or tuple(site.species)) if name != "bona_fide"]
    share = site.bona_fide if species else 1.0
    turns = in_turn({name: float(site.species.get(name, 1.0)) for name in species}, count=each * len(members))
    plans = []
    for index, person in enumerate(members):
        subject = people.name(person)
        rng = generator(seed, "plan", site.name, subject)
        before, after = (int(people_so_far * each * share + 1e-9) for people_so_far in (index, index + 1))
        attacks = range(index * each - before, (index + 1) * each - after)  # numbered through all people of the site
        kinds = ["bona_fide"] * (after - before) + [turns[number] for number in attacks]
        split = SPLITS[PATTERN[index % len(PATTERN)]]
        specs = []
        for number, kind in enumerate(kinds):
            plain = kind == "bona_fide"
            illumination = weighted(rng, site.illumination)
            environment = "outdoor" if rng.random() < site.outdoor else "indoor"
            subtype = weighted(rng, site.subtypes)
            specs.append(
                CaptureSpec(
                    f"{site.name}_{subject}_{number:03d}", subject, kind, site.name, illumination, environment,
                    session=str(1 + number % 2), split=split, seed=seed, size=simulation.size,
                    framing=simulation.framing_at(site), version=simulation.version,
                    subtype=subtype if plain else "plain", quality="medium" if plain else site.quality,
                )
            )  # fmt: skip
        others = [other for place, other in enumerate(members) if PATTERN[place % len(PATTERN)] == SPLITS.index(split)]
        plans.append(SubjectPlan(person, attacker_of(person, others, population=members.stop), tuple(specs)))
    return plans


def in_turn(weights: Mapping[str, float], *, count: int) -> list[str]:
    """Names in a fixed order that keeps every name's share near its weight: next is who is furthest behind.

    Equal weights go around; of equally late names the earlier one is next.

    >>> in_turn({"a": 1.0, "b": 1.0, "c": 2.0}, count=4)
    ['c', 'a', 'b', 'c']
    """
    total = sum(weights.values())
    given = dict.fromkeys(weights, 0)
    found = []
    for number in range(1, count + 1) if weights else ():
        late = max(weights, key=lambda name: number * weights[name] / total - given[name])
        given[late] += 1
        found.append(late)
    return found


def weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """Draw a name by its weight."""
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]
