"""Version 3: instruments differ from faces to a side of the site's, faces do not, and version 2 has no sides."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facewarden.data.simulate import Capture, CaptureSpec
from facewarden.data.simulate.capture import make_capture
from facewarden.data.simulate.person.people import ProceduralPeople
from facewarden.data.simulate.scene.surface import Surface, plain
from facewarden.data.simulate.sensor.habits import HUES, SIDES, Habits, draw_habits
from facewarden.data.simulate.sensor.sites import FACTORS_3, dev_sites, sealed_sites
from facewarden.data.simulate.species.parts import finish


def test_every_side_is_met_equally_often_in_each_half_and_beside_every_set_of_instruments() -> None:
    sites = dev_sites(3)
    for factor, levels in SIDES.items():
        for half in ("first", "second"):
            counts = Counter(site.factors[factor] for site in sites if site.factors["half"] == half)
            assert max(counts.values()) - min(counts[level] for level in levels) <= 2, (factor, half)
        pairs = Counter((site.factors["instruments"], site.factors[factor]) for site in sites)
        assert len(pairs) == 4
        assert max(pairs.values()) - min(pairs.values()) <= 2, factor
    for one, other in itertools.combinations(SIDES, 2):
        table = Counter((site.factors[one], site.factors[other]) for site in sites)
        assert len(table) == 4
        assert max(table.values()) - min(table.values()) <= 2


def test_sites_of_version_3_have_habits_and_are_not_those_of_version_2() -> None:
    assert all(site.habits is None for site in dev_sites(2) + sealed_sites(7, 2))
    assert all(site.habits is not None for site in dev_sites(3) + sealed_sites(7, 3))
    assert all(set(site.factors) == set(FACTORS_3) and site.quality == "high" for site in dev_sites(3))
    assert [site.chain for site in dev_sites(2)] != [site.chain for site in dev_sites(3)]
    assert [site.factors["light"] for site in sealed_sites(7, 2)] != [s.factors["light"] for s in sealed_sites(7, 3)]


def test_the_side_decides_the_sign_and_hues_go_around() -> None:
    def drawn(number: int = 1, **sides: str) -> Habits:
        known = {"moves": "people", "colors": "vivid", "carbon": "much"} | sides
        return draw_habits(np.random.default_rng(number), known, number=number)

    for number in range(6):
        much, little = drawn(number), drawn(number, carbon="little")
        assert much.infrared > 1 > little.infrared
        assert much.level < 0 < little.level
        assert drawn(number).contrast > 1 > drawn(number, colors="dull").contrast
        assert drawn(number).people_move != drawn(number, moves="instruments").people_move
    tints = np.array([drawn(number).tint for number in range(HUES)])
    assert np.abs(tints.sum(axis=1)).max() < 0.3
    assert {tuple(np.sign(tint[[0, 1]]).tolist()) for tint in tints} >= {(1, 1), (1, -1), (-1, 1), (-1, -1)}


@pytest.fixture(scope="module")
def people() -> ProceduralPeople:
    return ProceduralPeople(0, 96, 3.5)


def shown(people: ProceduralPeople, species: str, **changes: Any) -> Capture:
    """A capture at a site of version 3 whose habits are changed."""
    site = dev_sites(3)[12]
    assert site.habits is not None
    site = replace(site, habits=replace(site.habits, **changes))
    spec = CaptureSpec(
        "k", "p", species, site.name, version=3, size=96, framing=0.5, seed=3,
        quality="medium" if species == "bona_fide" else "high",
    )  # fmt: skip
    wearer = None if species == "bona_fide" else people.maps(1, key="w")
    return make_capture(spec, people.maps(0, key="k"), wearer=wearer, site=site)


@pytest.mark.parametrize("species", ["print_relief", "mask_rigid", "replay_projected", "print_textile"])
def test_a_tint_colors_the_instrument_and_never_a_face(people: ProceduralPeople, species: str) -> None:
    for kind, moves in ((species, True), ("bona_fide", False)):
        warm, cool = (
            shown(people, kind, tint=(sign * 0.4, 0.0, -sign * 0.4)).rgb[40:64, 40:56].astype(float) for sign in (1, -1)
        )
        change = (warm[..., 0] / (warm[..., 2] + 1)).mean() / (cool[..., 0] / (cool[..., 2] + 1)).mean()
        assert change > 1.2 if moves else change == 1


def test_who_moves_is_blurred_and_rough_in_depth(people: ProceduralPeople) -> None:
    def edges(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image.astype(float), axis=0)).mean())

    for species, blurred_when in (("bona_fide", True), ("mask_rigid", False)):
        moving = shown(people, species, people_move=blurred_when)
        still = shown(people, species, people_move=not blurred_when)
        assert edges(moving.rgb) < 0.8 * edges(still.rgb), species
        assert edges(moving.infrared) < edges(still.infrared), species
        assert (moving.depth == 0).mean() > (still.depth == 0).mean() + 0.03, species


def test_carbon_draws_the_infrared_picture_stronger_and_dyes_weaker() -> None:
    wall = plain(32, albedo=0.4, nir=0.5, depth=500.0)
    nir = np.where(np.arange(32)[None, :] < 16, 0.3, 0.6).astype(np.float32).repeat(32, 0)
    picture: Surface = replace(wall, nir=nir)

    def spread(exponent: float) -> float:
        found = finish._power(picture.nir, exponent, picture.coverage)
        assert float(found.mean()) == pytest.approx(0.45, abs=0.06)
        return float(found.max() / found.min())

    assert spread(1.6) > 2.0 > spread(0.5) > 1.0
    assert spread(1.0) == pytest.approx(2.0)
