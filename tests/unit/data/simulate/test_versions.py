"""What the fields of version 2 mean to a capture, and that version 1 refuses them."""

from dataclasses import replace

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPECIES_BY_VERSION
from facewarden.data.simulate import CaptureSpec
from facewarden.data.simulate.person.people import ProceduralPeople
from facewarden.data.simulate.scene.light import sample_light
from facewarden.data.simulate.scene.surface import plain
from facewarden.data.simulate.scene.view import PinholeView
from facewarden.data.simulate.sensor.camera import infrared_image
from facewarden.data.simulate.sensor.domains import DOMAINS
from facewarden.data.simulate.species import PRESENT, PRESENT_2


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 4}, {"species": "print_flat", "quality": "high"}, {"subtype": "hat"},
        {"version": 2, "subtype": "crown"}, {"version": 2, "species": "print_flat", "subtype": "hat"},
        {"version": 2, "quality": "high"}, {"version": 2, "species": "print_flat", "quality": "superb"},
        {"species": "mask_of_glass"},
    ],
)  # fmt: skip
def test_a_capture_that_its_version_does_not_render_is_refused(wrong: dict[str, str | int]) -> None:
    with pytest.raises(BadInputError):
        CaptureSpec(**({"key": "k", "subject": "p", "species": "bona_fide", "domain": "alder"} | wrong))  # type: ignore[arg-type]


def test_every_version_has_a_builder_for_each_of_its_species() -> None:
    assert set(PRESENT) == set(SPECIES_BY_VERSION[1])
    assert set(PRESENT_2) == set(SPECIES_BY_VERSION[2])


def test_a_filter_that_leaks_shows_visible_light_in_the_infrared_picture() -> None:
    light = replace(sample_light(np.random.default_rng(0), "normal", environment="indoor"), nir=0.0)
    wall = plain(64, albedo=0.5, nir=0.0, depth=600.0)
    half = np.zeros((64, 64, 3), np.float32)
    half[:, 32:] = 1

    def picture(leak: float) -> np.ndarray:
        sensor = replace(DOMAINS["alder"].infrared, leak=leak)
        toward = PinholeView(64, 400.0).toward()
        return infrared_image(np.random.default_rng(0), wall, sensor=sensor, light=light, toward=toward,
                              nominal=600.0, visible=half).astype(float)  # fmt: skip

    tight, open_ = picture(0.0), picture(0.5)
    assert abs(tight[:, 40:].mean() - tight[:, :24].mean()) < 3
    assert open_[:, 40:].mean() > open_[:, :24].mean() + 60


def test_a_strong_expression_keeps_the_pose_and_moves_the_mouth_or_the_brows() -> None:
    people = ProceduralPeople(0, 96, 3.5)
    moved = []
    for key in ("a", "b", "c"):
        plain_face, strong = (people.maps(0, key=key, subtype=subtype) for subtype in ("plain", "expression"))
        assert np.abs(plain_face.landmarks[:2] - strong.landmarks[:2]).max() < 3
        moved.append(np.abs(plain_face.albedo - strong.albedo).max())
    assert min(moved) > 0.05
