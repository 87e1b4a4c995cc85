"""Photos before a simulated camera: pairs that differ by the instrument alone."""

from __future__ import annotations

import runpy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.datasets import FacePhoto
from facewarden.data.simulate.capture import CaptureSpec, make_scene
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.rephotograph import TakenPhoto, rephotographed, square_photo
from facewarden.data.simulate.species import FLAT
from facewarden.data.simulate.species.parts.stage import Photo

ROOT = Path(__file__).resolve().parents[4]
SIZE, FRAMING = 128, 0.4
BOX = np.array([70, 40, 120, 105], np.float32)
MARKS = np.array([[83, 60], [107, 60], [95, 75], [86, 90], [104, 90]], np.float32)
SPEC = CaptureSpec("k", "v", "replay_pc", "site_01", size=SIZE, framing=FRAMING, version=2, quality="high")


def picture(seed: int = 0) -> NDArray[np.uint8]:
    """A photo of large random spots, which no head of the simulator has."""
    rng = np.random.default_rng(seed)
    spots = cv2.resize(rng.uniform(20, 235, (12, 16, 3)).astype(np.float32), (200, 150), interpolation=cv2.INTER_CUBIC)
    return np.clip(spots, 0, 255).astype(np.uint8)


def shown(seed: int = 0) -> Photo:
    return square_photo(picture(seed), box=BOX, landmarks=MARKS)


@lru_cache
def taken(spec: CaptureSpec, seed: int = 0) -> tuple[TakenPhoto, TakenPhoto]:
    holder = ProceduralPeople(0, *frame_of(SIZE, FRAMING)).maps(0, key="holds")
    return rephotographed(spec, shown(seed), holder=holder)


def face(image: NDArray[np.generic], box: NDArray[np.floating]) -> NDArray[np.float64]:
    """Brightness in the face box at 16 x 16, with mean 0 and deviation 1."""
    x0, y0, x1, y1 = (int(v) for v in box)
    small = cv2.resize(image[y0:y1, x0:x1].astype(np.float32).mean(axis=2), (16, 16), interpolation=cv2.INTER_AREA)
    return (small - small.mean()) / small.std()


def test_a_square_about_the_face_keeps_its_marks_in_place() -> None:
    found = shown()
    assert found.image.shape == (150, 150, 3)
    x0, y0, x1, y1 = found.box
    np.testing.assert_array_equal(
        np.round(found.image[int(y0) : int(y1), int(x0) : int(x1)] * 255), picture()[40:105, 70:120]
    )
    np.testing.assert_allclose(found.landmarks[0] - found.box[:2], [13, 20])


@pytest.mark.parametrize("species", FLAT)
def test_both_pictures_show_the_photo_at_one_size(species: str) -> None:
    for one in taken(replace(SPEC, species=species)):
        assert one.image.shape == (SIZE, SIZE, 3)
        own, other = face(one.image, one.box), [face(shown(seed).image, shown(seed).box) for seed in (0, 1)]
        likeness = [float((own * there).mean()) for there in other]
        assert likeness[0] > 0.6
        assert likeness[0] > likeness[1] + 0.3
        inside = (one.landmarks >= one.box[:2]) & (one.landmarks <= one.box[2:])
        assert inside.all()


def test_in_the_dark_both_pictures_of_a_pair_have_the_cameras_noise() -> None:
    """Noise in one of them alone would tell the class."""
    even = replace(shown(), image=np.full((150, 150, 3), 0.5, np.float32))
    holder = ProceduralPeople(0, *frame_of(SIZE, FRAMING)).maps(0, key="holds")

    def noise(illumination: str) -> NDArray[np.float64]:
        spec = replace(SPEC, domain="site_02", illumination=illumination)  # its camera smooths little
        found = []
        for one in rephotographed(spec, even, holder=holder):
            x0, y0, x1, y1 = (int(v) for v in one.box)
            found.append(float(np.abs(np.diff(one.image[y0:y1, x0:x1].astype(float), axis=1)).mean()))
        return np.array(found)

    assert (noise("dark") > 2 * noise("normal")).all()


def test_the_same_spec_gives_the_same_bits_and_another_key_others() -> None:
    first = taken(SPEC)
    taken.cache_clear()
    again, other = taken(SPEC), taken(replace(SPEC, key="other"))
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one.image, same.image)
        assert (one.image != different.image).any()


def test_a_photo_is_no_part_of_a_scene_that_does_not_show_it() -> None:
    holder = ProceduralPeople(0, *frame_of(SIZE, FRAMING)).maps(0, key="holds")
    with pytest.raises(BadInputError, match="shows no whole photo as 'mask_rigid'"):
        make_scene(replace(SPEC, species="mask_rigid"), holder, photo=shown())
    with pytest.raises(BadInputError, match="version 1 of the simulator shows no whole photo"):
        make_scene(CaptureSpec("k", "v", "print_flat", "alder"), holder, photo=shown())


@pytest.mark.parametrize("box", [[70, 40, 70, 105], [120, 40, 70, 105], [70, 40, 120, 40], [70, np.nan, 120, 105]])
def test_a_face_box_without_area_is_refused(box: list[float]) -> None:
    with pytest.raises(BadInputError, match="has no area"):
        square_photo(picture(), box=np.array(box, np.float32), landmarks=MARKS)


@pytest.mark.parametrize(("species", "version"), [("mask_rigid", 2), ("bona_fide", 2), ("print_flat", 1)])
def test_what_shows_no_whole_photo_is_refused(species: str, version: int) -> None:
    spec = CaptureSpec("k", "v", species, "alder", version=version)
    with pytest.raises(BadInputError, match="shows no whole photo"):
        taken(spec)


def test_the_benchmark_writes_as_many_attacks_as_bona_fide_pictures(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "photo_captures.py"))
    rows = script["pairs_of"](tmp_path, seed=0, size=96, framing=0.4)
    photos = [FacePhoto(Path(f"{name}.jpg"), name, f"{name}/1") for name in ("ann", "bob")]
    made = [
        row
        for photo in photos
        for row in rows(script["Found"](photo, picture(), BOX, MARKS, split="train", domain="photos_1"))
    ]
    assert [row.label for row in made] == [1, 0, 1, 0]
    assert {row.species for row in made[1::2]} <= set(FLAT)
    assert {row.domain for row in made} == {"photos_1"}
    assert all(row.simulated and (tmp_path / str(row.rgb)).is_file() for row in made)
    found = script["Found"](photos[0], picture(), BOX, MARKS, split="train", domain="photos_1")
    for simulated in (False, True):  # whatever the key is
        row = script["sample_of"](found, "photo of a photo", "bona_fide", "a.png", BOX, simulated=simulated)
        assert row.simulated is simulated
    assert not any(name in str(row.rgb) for row in made for name in ("ann", "bob"))
    assert [row.subject for row in made] == ["photo ann", "photo ann", "photo bob", "photo bob"]
