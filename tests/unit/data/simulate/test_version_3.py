"""Version 3 of the simulator is pinned as version 2 is. `PYTHONPATH=. python THIS_FILE` writes the values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.pinned_captures import bits, check_alike, machine, site_captures, store

from facewarden.core.labels import SPECIES_BY_VERSION, SPECIES_GROUPS, species_group
from facewarden.data.simulate import Capture
from facewarden.data.simulate.sensor.sites import dev_sites

STORED = Path(__file__).with_name("version_3.json")


@pytest.fixture(scope="module")
def made() -> list[Capture]:
    return site_captures(3)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def test_every_group_of_species_and_every_site_is_pinned(made: list[Capture]) -> None:
    species = {capture.spec.species for capture in made}
    assert species == set(SPECIES_BY_VERSION[3])
    assert {species_group(name) for name in species} >= set(SPECIES_GROUPS)
    assert {capture.spec.domain for capture in made} >= {site.name for site in dev_sites(3)}


def test_every_capture_of_version_3_is_as_it_was(made: list[Capture], stored: dict[str, Any]) -> None:
    check_alike(made, stored)


def test_bits_are_the_same_where_libraries_and_instructions_are(made: list[Capture], stored: dict[str, Any]) -> None:
    if machine() != stored["machine"]:
        pytest.skip(f"the bits were stored on {stored['machine']}, this is {machine()}")
    assert [bits(capture) for capture in made] == [one["bits"] for one in stored["captures"]]


if __name__ == "__main__":
    store(site_captures(3), STORED)
