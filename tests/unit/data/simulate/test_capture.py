"""Captures: what each species must look like in each modality, and that the ground truth is exact."""

from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.labels import ATTACK, BONA_FIDE, SPECIES
from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.sensor.domains import DOMAINS
from facewarden.data.simulate.sheet import contact_sheet
from facewarden.data.simulate.species import PRESENT
from facewarden.data.simulate.species.parts import paper

SIZE = 128


@lru_cache(maxsize=64)
def capture(species: str, key: str = "k", domain: str = "alder") -> Capture:
    pixels, scale = frame_of(SIZE, 0.4)
    people = ProceduralPeople(0, pixels, scale)
    spec = CaptureSpec(key, "p0000", species, domain, size=SIZE)
    return make_capture(spec, people.maps(0, key="v"), wearer=people.maps(1, key="w"))


def inner(found: Capture, image: NDArray[np.generic]) -> NDArray[np.float64]:
    """The middle of the face box."""
    x0, y0, x1, y1 = found.box
    mx, my = (x1 - x0) * 0.2, (y1 - y0) * 0.2
    return image[int(y0 + my) : int(y1 - my), int(x0 + mx) : int(x1 - mx)].astype(float)


def plane_residual(depth: NDArray[np.float64]) -> float:
    """Root mean square distance (mm) of a depth map from its best plane."""
    y, x = np.indices(depth.shape)
    basis = np.stack([x.ravel(), y.ravel(), np.ones(depth.size)], axis=1)
    solution, *_ = np.linalg.lstsq(basis, depth.ravel(), rcond=None)
    return float(np.sqrt(np.mean((basis @ solution - depth.ravel()) ** 2)))


def test_every_species_has_a_builder() -> None:
    assert set(PRESENT) == set(SPECIES)


@pytest.mark.parametrize("species", SPECIES)
def test_modalities_are_registered_and_labeled(species: str) -> None:
    found = capture(species)
    assert found.rgb.shape == (SIZE, SIZE, 3)
    assert found.depth.shape == found.infrared.shape == found.true_depth.shape == found.reflection.shape == (SIZE, SIZE)
    assert (found.rgb.dtype, found.depth.dtype, found.infrared.dtype) == (np.uint8, np.uint16, np.uint8)
    assert found.label == (BONA_FIDE if species == "bona_fide" else ATTACK)
    assert np.isfinite(found.true_depth).all()
    assert found.reflection.min() >= 0
    assert found.reflection.max() <= 1
    x0, y0, x1, y1 = found.box
    assert 0.2 * SIZE < x1 - x0 < 0.55 * SIZE
    assert y1 > y0
    inside = (found.landmarks >= [x0, y0]) & (found.landmarks <= [x1, y1])
    assert inside.all()


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_measured_range_is_near_the_exact_one(domain: str) -> None:
    found = capture("bona_fide", domain=domain)
    seen, exact = inner(found, found.depth), inner(found, found.true_depth)
    assert (seen > 0).mean() > 0.4
    assert abs(np.median(seen[seen > 0]) - np.median(exact)) < 12


def test_prints_are_planes_faces_and_masks_are_not() -> None:
    residual = {name: plane_residual(inner(capture(name), capture(name).true_depth)) for name in SPECIES}
    assert residual["print_flat"] < 3
    assert max(residual["replay_phone"], residual["replay_tablet"], residual["replay_pc"]) < 0.5
    assert residual["bona_fide"] > 6
    assert min(residual["mask_rigid"], residual["mask_silicone"]) > 5
    assert residual["print_bent"] > 1.5 * residual["print_flat"]


def test_screens_are_dark_in_infrared() -> None:
    skin = np.median(inner(capture("bona_fide"), capture("bona_fide").infrared))
    for name in ("replay_phone", "replay_tablet", "replay_pc"):
        assert np.median(inner(capture(name), capture(name).infrared)) < 0.6 * skin


def test_dye_inks_vanish_in_infrared_and_toner_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from facewarden.data.simulate.species import prints

    def contrast(ink: str) -> float:
        monkeypatch.setattr(prints, "sample_paper", lambda rng: paper.sample_paper(rng, ink=ink))
        pixels, scale = frame_of(SIZE, 0.4)
        people = ProceduralPeople(0, pixels, scale)
        spec = CaptureSpec("ink", "p0000", "print_flat", "alder", size=SIZE)
        found = make_capture(spec, people.maps(0, key="v"), wearer=people.maps(1, key="w"))
        face = inner(found, found.infrared)
        return plane_residual(face) / float(face.mean())  # without the flash's fall-off over the tilted sheet

    face = inner(capture("bona_fide"), capture("bona_fide").infrared)
    assert contrast("dye") < 0.5 * contrast("toner")
    assert contrast("dye") < 0.5 * plane_residual(face) / float(face.mean())


def test_eye_holes_go_deeper_than_the_mask() -> None:
    found = capture("mask_rigid")
    eye = found.landmarks[0].astype(int)
    around = found.true_depth[eye[1] - 8 : eye[1] + 9, eye[0] - 8 : eye[0] + 9]
    assert found.true_depth[eye[1], eye[0]] > np.median(around) + 1


def test_the_same_spec_gives_the_same_bits_and_another_key_others() -> None:
    first = capture("replay_tablet")
    capture.cache_clear()
    again, other = capture("replay_tablet"), capture("replay_tablet", "other")
    for name in ("rgb", "depth", "infrared", "true_depth", "reflection", "box", "landmarks"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.rgb, other.rgb)


def test_exact_depth_does_not_depend_on_the_sensors_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    from facewarden.data.simulate import capture as module

    first = capture("print_flat")
    drawn = module.generator
    monkeypatch.setattr(
        module, "generator", lambda seed, *names: drawn(seed + 1 if names[0] == "sensor" else seed, *names)
    )
    second = capture.__wrapped__("print_flat")
    assert np.array_equal(first.true_depth, second.true_depth)
    assert not np.array_equal(first.depth, second.depth)


def test_a_sheet_has_a_row_per_species() -> None:
    sheet = contact_sheet([capture("bona_fide"), capture("print_flat")], columns=2, side=70)
    assert sheet.shape == (2 * (70 + 10), 2 * 3 * 70, 3)
