from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facewarden.data.simulate.person.clothes import Clothes, sample_clothes
from facewarden.data.simulate.person.face import (
    Expression,
    Pose,
    PreparedFace,
    prepare,
    render_face,
    sample_expression,
    sample_pose,
)
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.person.person import Identity

ARRAYS = ("albedo", "nir", "relief", "normal", "gloss", "coverage", "regions", "landmarks", "box")
LUMA = np.array([0.2126, 0.7152, 0.0722])


def digest(maps: FaceMaps) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(getattr(maps, name)).tobytes() for name in ARRAYS)).hexdigest()


def bare(seed: int) -> Identity:
    """The person without glasses, beard or hair over the face."""
    who = sample_identity(seed)
    return replace(who, eyes=replace(who.eyes, glasses="none"), hair=replace(who.hair, style="buzz", beard="none"))


@pytest.fixture(scope="module")
def people() -> list[PreparedFace]:
    return [prepare(bare(seed), size=128, mm_per_pixel=2.8) for seed in range(8)]


def cheek(maps: FaceMaps) -> tuple[slice, slice]:
    """A window on the cheek below the eye on the image's left."""
    x, y = 0.5 * (maps.landmarks[0] + maps.landmarks[3])
    return slice(int(y) - 2, int(y) + 3), slice(int(x) - 2, int(x) + 3)


def test_same_seeds_give_the_same_bits() -> None:
    pose, expression = sample_pose(np.random.default_rng(3)), sample_expression(np.random.default_rng(4))
    one, two = (render_face(sample_identity(5), pose=pose, expression=expression, size=96) for _ in range(2))
    assert digest(one) == digest(two)
    other = render_face(sample_identity(6), pose=pose, expression=expression, size=96)
    assert digest(other) != digest(one)


def test_rendering_leaves_the_prepared_face_alone(people: list[PreparedFace]) -> None:
    still = Pose()
    before = digest(people[0].render(pose=still))
    people[0].render(pose=Pose(yaw=15), expression=Expression(smile=1, mouth_open=0.5, blink=0.6))
    assert digest(people[0].render(pose=still)) == before


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    draw=st.integers(0, 2**40),
    size=st.integers(40, 90),
    mm=st.floats(1.2, 5.0),
)
def test_maps_are_finite_and_in_range(seed: int, draw: int, size: int, mm: float) -> None:
    rng = np.random.default_rng(draw)
    face = prepare(sample_identity(seed), size=size, mm_per_pixel=mm)
    maps = face.render(pose=sample_pose(rng), expression=sample_expression(rng), clothes=sample_clothes(rng))
    shapes = {"albedo": (size, size, 3), "normal": (size, size, 3), "landmarks": (5, 2), "box": (4,)}
    for name in ARRAYS:
        value = getattr(maps, name)
        assert value.shape == shapes.get(name, (size, size)), name
        assert value.dtype == (np.uint8 if name == "regions" else np.float32), name
        assert np.isfinite(value).all(), name
    for name in ("albedo", "nir", "gloss", "coverage"):
        assert getattr(maps, name).min() >= 0, name
        assert getattr(maps, name).max() <= 1, name
    assert maps.relief.min() >= 0
    assert 60 < maps.relief.max() < 160
    np.testing.assert_allclose(np.linalg.norm(maps.normal, axis=2), 1, atol=1e-4)
    assert maps.regions.max() < len(REGIONS)
    assert (maps.regions[maps.coverage < 0.3] == 0).all()
    assert not maps.lit
    assert maps.mm_per_pixel == mm


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**40), yaw=st.floats(-18, 18), pitch=st.floats(-10, 10))
@example(seed=55594, yaw=16.336, pitch=3.635)  # a broad nose, turned far
def test_the_nose_tip_is_where_the_relief_peaks(seed: int, yaw: float, pitch: float) -> None:
    maps = prepare(bare(seed), size=128, mm_per_pixel=2.0).render(pose=Pose(yaw=yaw, pitch=pitch))
    x, y = np.round(maps.landmarks[2]).astype(int)
    reach = 12  # 24 mm: no other part of the face within this reach is as high
    window = maps.relief[y - reach : y + reach + 1, x - reach : x + reach + 1]
    peak = np.unravel_index(int(window.argmax()), window.shape)
    # A turned or nodding head moves the highest point along the rounded tip, whose radius is up to 20 mm.
    moved = 20.0 * np.sin(np.radians(np.hypot(yaw, pitch)))
    assert np.hypot(peak[0] - reach, peak[1] - reach) * 2.0 < 8.0 + moved
    assert maps.relief[y, x] > window.max() - 4.0


def test_eyes_and_mouth_lie_in_their_regions(people: list[PreparedFace]) -> None:
    for face in people:
        for pose in (Pose(), Pose(yaw=14, pitch=-5, roll=6, shift=(8, -6), scale=1.1)):
            maps = face.render(pose=pose)
            for x, y in np.round(maps.landmarks[:2]).astype(int):
                assert REGIONS[maps.regions[y, x]] == "eye"
            x, y = np.round(0.5 * (maps.landmarks[3] + maps.landmarks[4])).astype(int)
            assert "mouth" in {REGIONS[value] for value in maps.regions[y - 2 : y + 3, x - 1 : x + 2].ravel()}


def test_pupils_are_the_darkest_part_of_the_eye(people: list[PreparedFace]) -> None:
    for face in people[:4]:
        maps = prepare(face.identity, size=160, mm_per_pixel=0.6).render(pose=Pose())
        x, y = np.round(maps.landmarks[0]).astype(int)
        assert maps.albedo[y - 1 : y + 2, x - 1 : x + 2].mean() < 0.06
        assert maps.albedo[y + 3, x + 16].mean() > 2.5 * maps.albedo[y, x].mean()


def test_measures_of_the_person_show_in_the_landmarks(people: list[PreparedFace]) -> None:
    for face in people:
        at = face.render(pose=Pose()).landmarks * face.mm_per_pixel
        shape = face.identity.shape
        # Asymmetry and what no measure captures move a feature by a few millimeters.
        assert abs((at[1, 0] - at[0, 0]) - 2 * shape.pupil_x) < 7
        assert abs((at[4, 0] - at[3, 0]) - shape.mouth_width) < 8
        assert abs(at[2:, 1].max() - at[:2, 1].mean() - shape.mouth_y) < 8


def test_turning_moves_the_nose_past_the_eyes(people: list[PreparedFace]) -> None:
    def lead(pose: Pose) -> np.ndarray:
        at = people[1].render(pose=pose).landmarks
        return np.asarray(at[2] - at[:2].mean(axis=0))

    assert lead(Pose(yaw=15))[0] > lead(Pose())[0] + 2 > lead(Pose(yaw=-15))[0] + 4
    assert lead(Pose(pitch=10))[1] > lead(Pose())[1] > lead(Pose(pitch=-10))[1]


def test_expressions_move_what_they_should(people: list[PreparedFace]) -> None:
    face = prepare(people[2].identity, size=200, mm_per_pixel=1.0)
    rest = face.render(pose=Pose())
    smile = face.render(pose=Pose(), expression=Expression(smile=1))
    wide = smile.landmarks[4, 0] - smile.landmarks[3, 0]
    assert wide > rest.landmarks[4, 0] - rest.landmarks[3, 0] + 4
    assert (smile.landmarks[3:, 1] < rest.landmarks[3:, 1] - 2).all()
    eye = REGIONS.index("eye")
    shut = face.render(pose=Pose(), expression=Expression(blink=0.9))
    assert (shut.regions == eye).sum() < 0.3 * (rest.regions == eye).sum()
    x, y = np.round(rest.landmarks[3:].mean(axis=0)).astype(int)
    open_mouth = face.render(pose=Pose(), expression=Expression(mouth_open=0.9))
    assert open_mouth.box[3] > rest.box[3] + 5
    below_teeth = open_mouth.albedo[y + 8 : y + 11, x - 1 : x + 2].mean()
    assert below_teeth < 0.5 * rest.albedo[y + 8 : y + 11, x - 1 : x + 2].mean()


def test_infrared_skin_hardly_knows_skin_tone() -> None:
    melanin, color, infrared = [], [], []
    for seed in range(30):
        maps = prepare(bare(seed), size=96, mm_per_pixel=2.6).render(pose=Pose())
        melanin.append(sample_identity(seed).skin.melanin)
        color.append(float((maps.albedo[cheek(maps)] @ LUMA).mean()))
        infrared.append(float(maps.nir[cheek(maps)].mean()))
    assert np.corrcoef(melanin, np.log(color))[0, 1] < -0.95
    assert np.ptp(color) / np.mean(color) > 1.0
    assert min(infrared) > 0.5
    assert max(infrared) < 0.76
    assert np.std(infrared) / np.mean(infrared) < 0.05 < 0.3 < np.std(color) / np.mean(color)


def test_infrared_hides_moles_and_lips() -> None:
    plain = bare(1)
    skin = replace(plain.skin, moles=0, melanin=0.2, freckles=0.0, lip_red=0.7)
    spotted = prepare(replace(plain, skin=replace(skin, moles=60)), size=256, mm_per_pixel=0.8).render(pose=Pose())
    clear = prepare(replace(plain, skin=skin), size=256, mm_per_pixel=0.8).render(pose=Pose())
    seen = (clear.albedo - spotted.albedo) @ LUMA / (clear.albedo @ LUMA + 1e-3)
    where = (seen > 0.1) & (clear.coverage > 0.9)
    assert where.sum() > 100
    assert ((clear.nir - spotted.nir) / clear.nir)[where].mean() < 0.25 * seen[where].mean()
    lips = (clear.regions == REGIONS.index("mouth")) & (clear.albedo[..., 0] > 0.15)
    near = cheek(clear)
    contrast = 1 - (clear.albedo[lips] @ LUMA).mean() / (clear.albedo[near] @ LUMA).mean()
    assert contrast > 0.3
    assert 1 - clear.nir[lips].mean() / clear.nir[near].mean() < 0.45 * contrast


def test_dark_hair_is_brighter_in_infrared_and_clothes_are_unrelated() -> None:
    who = sample_identity(0)
    dark = replace(who, hair=replace(who.hair, style="short", eumelanin=1.0, gray=0.0))
    face = prepare(dark, size=128, mm_per_pixel=2.8)
    maps = face.render(pose=Pose(), clothes=Clothes((0.5, 0.1, 0.1), 0.2))
    hair = maps.regions == REGIONS.index("hair")
    assert maps.nir[hair].mean() > 3 * (maps.albedo[hair] @ LUMA).mean()
    cloth = maps.regions == REGIONS.index("clothes")
    other = face.render(pose=Pose(), clothes=Clothes((0.5, 0.1, 0.1), 0.6))
    assert other.nir[cloth].mean() == pytest.approx(3 * maps.nir[cloth].mean(), rel=0.05)
    np.testing.assert_array_equal(other.albedo, maps.albedo)


def test_a_finer_frame_shows_the_same_person() -> None:
    coarse = prepare(sample_identity(11), size=96, mm_per_pixel=2.8).render(pose=Pose(yaw=5))
    fine = prepare(sample_identity(11), size=192, mm_per_pixel=1.4).render(pose=Pose(yaw=5))
    small = cv2.resize(fine.albedo, (96, 96), interpolation=cv2.INTER_AREA)
    inside = coarse.coverage > 0.95
    assert np.corrcoef(small[inside].ravel(), coarse.albedo[inside].ravel())[0, 1] > 0.95
    assert np.abs(fine.landmarks / 2 - coarse.landmarks).max() < 1.0


def test_attributes_name_what_was_rendered() -> None:
    maps = render_face(sample_identity(3), pose=Pose(), expression=Expression(), size=64)
    assert set(maps.attributes) == {"sex", "age_band", "skin_tone", "hair", "beard", "glasses", "celeba"}
    with pytest.raises(TypeError):
        maps.attributes["hair"] = "x"  # type: ignore[index]
