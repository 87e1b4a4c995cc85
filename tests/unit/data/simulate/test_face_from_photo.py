from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.face import Pose, PreparedFace, prepare
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.person.mesh import OBJ_NAME, read_obj
from facewarden.data.simulate.person.photo import head_template, maps_from_photo


def picture_of(maps: FaceMaps, backdrop: tuple[float, float, float] = (0.55, 0.6, 0.65)) -> np.ndarray:
    """A photo of maps under frontal light: sRGB of the albedo, shaded a little, before a wall."""
    light = 0.35 + 0.65 * np.clip(maps.normal[..., 2:], 0, 1)
    linear = maps.albedo * light * maps.coverage[..., None] + np.array(backdrop) * (1 - maps.coverage[..., None])
    return np.round(255 * np.clip(linear, 0, 1) ** (1 / 2.2)).astype(np.uint8)


@pytest.fixture(scope="module")
def template() -> PreparedFace:
    return head_template(size=128)


@pytest.fixture(scope="module")
def sitter() -> FaceMaps:
    who = sample_identity(7)
    who = replace(who, eyes=replace(who.eyes, glasses="none"))
    return prepare(who, size=256).render(pose=Pose(yaw=8, roll=4, shift=(10, -5)))


def test_a_photo_becomes_maps_in_the_common_frame(template: PreparedFace, sitter: FaceMaps) -> None:
    maps = maps_from_photo(picture_of(sitter), sitter.landmarks, size=128, template=template)
    assert maps.lit
    assert dict(maps.attributes) == {}
    assert maps.albedo.shape == (128, 128, 3)
    for name in ("albedo", "nir", "gloss", "coverage"):
        value = getattr(maps, name)
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
        assert value.min() >= 0
        assert value.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(maps.normal, axis=2), 1, atol=1e-4)
    middle = maps.landmarks.mean(axis=0)
    assert np.abs(middle - 63.5).max() < 12
    apart = np.linalg.norm(maps.landmarks[1] - maps.landmarks[0]) * maps.mm_per_pixel
    assert 50 < apart < 76
    x, y = np.round(maps.landmarks[2]).astype(int)
    assert maps.relief[y, x] > maps.relief[y - 8 : y + 9, x - 8 : x + 9].max() - 6
    assert maps.coverage[y - 10 : y + 10, x - 8 : x + 8].min() > 0.95
    assert maps.coverage[:8, :8].max() < 0.2
    for at in np.round(maps.landmarks[:2]).astype(int):
        assert "eye" in {REGIONS[v] for v in maps.regions[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2].ravel()}


def test_the_albedo_is_the_photo_in_linear_light(template: PreparedFace, sitter: FaceMaps) -> None:
    flat = np.full((256, 256, 3), (188, 128, 64), np.uint8)
    maps = maps_from_photo(flat, sitter.landmarks, size=128, template=template)
    np.testing.assert_allclose(maps.albedo[64, 64], [0.503, 0.216, 0.0513], atol=0.002)


def test_infrared_of_a_photo_ignores_skin_tone(template: PreparedFace) -> None:
    base = sample_identity(7)
    base = replace(base, eyes=replace(base.eyes, glasses="none"), hair=replace(base.hair, beard="none"))
    color, infrared = [], []
    for melanin in (0.05, 0.4, 0.85):
        who = replace(base, skin=replace(base.skin, melanin=melanin))
        seen = prepare(who, size=256).render(pose=Pose())
        maps = maps_from_photo(picture_of(seen), seen.landmarks, size=128, template=template)
        x, y = np.round(0.5 * (maps.landmarks[0] + maps.landmarks[3])).astype(int)
        window = np.s_[y - 2 : y + 3, x - 2 : x + 3]
        color.append(maps.albedo[window].mean())
        infrared.append(maps.nir[window].mean())
    assert color[0] > 3 * color[2]
    assert max(infrared) - min(infrared) < 0.06
    assert 0.5 < min(infrared) < max(infrared) < 0.75


def test_the_background_can_stay(template: PreparedFace, sitter: FaceMaps) -> None:
    maps = maps_from_photo(picture_of(sitter), sitter.landmarks, size=128, template=template, keep_background=True)
    assert (maps.coverage == 1).all()
    assert maps.relief[:6, :6].max() < 1


def test_the_mesh_replaces_the_face_but_not_the_frame(
    need_asset: Callable[[str], Path], template: PreparedFace, sitter: FaceMaps
) -> None:
    mesh = read_obj(need_asset("mindar_face_mesh") / OBJ_NAME)
    photo = picture_of(sitter)
    plain = maps_from_photo(photo, sitter.landmarks, size=128, template=template)
    meshed = maps_from_photo(photo, sitter.landmarks, size=128, template=template, mesh=mesh)
    x, y = np.round(plain.landmarks.mean(axis=0)).astype(int)
    assert np.abs(meshed.relief - plain.relief)[y - 10 : y + 10, x - 10 : x + 10].mean() > 0.5
    np.testing.assert_array_equal(meshed.relief[-5:], plain.relief[-5:])
    np.testing.assert_array_equal(meshed.albedo, plain.albedo)


def test_the_box_follows_the_photo(template: PreparedFace, sitter: FaceMaps) -> None:
    photo = picture_of(sitter)
    fitted = maps_from_photo(photo, sitter.landmarks, size=128, template=template)
    given = maps_from_photo(photo, sitter.landmarks, box=sitter.box, size=128, template=template)
    assert np.abs(fitted.box - given.box).max() < 14
    assert given.box[0] < given.landmarks[:, 0].min() < given.landmarks[:, 0].max() < given.box[2]


def test_unusable_photos_are_refused(template: PreparedFace, sitter: FaceMaps) -> None:
    good = picture_of(sitter)
    with pytest.raises(BadInputError, match="RGB"):
        maps_from_photo(good[..., :1], sitter.landmarks, size=128, template=template)
    with pytest.raises(BadInputError, match="five"):
        maps_from_photo(good, np.full((5, 2), np.nan, np.float32), size=128, template=template)
    with pytest.raises(BadInputError, match="template"):
        maps_from_photo(good, sitter.landmarks, size=96, template=template)
