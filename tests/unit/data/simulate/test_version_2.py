"""Version 2 of the simulator is pinned as version 1 is. `PYTHONPATH=. python THIS_FILE` writes the values."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pinned_captures import bits, block_means, machine, summary

from facewarden.core.labels import SPECIES_BY_VERSION, SPECIES_GROUPS, species_group
from facewarden.data.simulate import Capture, Simulation
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.run import captures_of
from facewarden.data.simulate.sensor.sites import dev_sites

STORED = Path(__file__).with_name("version_2.json")


def captures() -> list[Capture]:
    """A bona fide capture of every site and of three sealed ones, and the attack whose species came least before."""
    known = tuple(site.name for site in dev_sites())
    domains = (*known, *(f"sealed_0123abcd_{number:02d}" for number in (1, 2, 3)))
    simulation = Simulation(
        version=2, subjects=len(domains), captures_per_subject=24, size=64, seed=7, domains=domains
    )  # fmt: skip
    people = ProceduralPeople(7, *frame_of(64, 0.5))
    met: Counter[str] = Counter()
    made: list[Capture] = []
    for plan in make_plan(people, simulation):
        living = next(spec for spec in plan.specs if spec.species == "bona_fide")
        attacks = [spec for spec in plan.specs if spec.species != "bona_fide"]
        attack = min(attacks, key=lambda spec: met[spec.species])
        met[attack.species] += 1
        made += captures_of(people, replace(plan, specs=(living, attack)))
    return made


def told(capture: Capture) -> dict[str, Any]:
    """What is stored: means of blocks as of version 1, depth as delivered, and the bits."""
    assert capture.depth_picture is not None
    picture = np.round(block_means(capture.depth_picture), 1).ravel().tolist()
    return {**summary(capture), "depth picture": picture, "bits": bits(capture)}


@pytest.fixture(scope="module")
def made() -> list[Capture]:
    return captures()


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def test_every_group_of_species_and_every_site_is_pinned(made: list[Capture]) -> None:
    species = {capture.spec.species for capture in made}
    assert species == set(SPECIES_BY_VERSION[2])
    assert {species_group(name) for name in species} >= set(SPECIES_GROUPS)
    assert {capture.spec.domain for capture in made} >= {site.name for site in dev_sites()}


def test_every_capture_of_version_2_is_as_it_was(made: list[Capture], stored: dict[str, Any]) -> None:
    assert len(stored["captures"]) == len(made)
    for before, capture in zip(stored["captures"], made, strict=True):
        now = told(capture)
        assert now["what"] == before["what"]
        for name, tolerance in (("rgb", 1.5), ("infrared", 1.5), ("measured", 0.05), ("depth picture", 6.0)):
            assert now[name] == pytest.approx(before[name], abs=tolerance), (now["what"], name)
        assert now["box"] == pytest.approx(before["box"], abs=0.2)


def test_bits_are_the_same_where_libraries_and_instructions_are(made: list[Capture], stored: dict[str, Any]) -> None:
    if machine() != stored["machine"]:
        pytest.skip(f"the bits were stored on {stored['machine']}, this is {machine()}")
    assert [bits(capture) for capture in made] == [one["bits"] for one in stored["captures"]]


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(told(capture), separators=(",", ":")) for capture in captures())
    STORED.write_text(f'{{"machine":{json.dumps(machine())},"captures":[\n{lines}\n]}}\n', encoding="utf-8")
