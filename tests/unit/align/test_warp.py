"""The crop holds the face where the template wants it, without aliasing."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.align import align_face, arcface_template, face_transform
from facewarden.core.errors import BadInputError

POINTS = tuple(map(tuple, arcface_template()))


def dots(points, *, shape, radius):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros((*shape, 3), dtype=np.uint8)
    for x, y in points:
        image[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = 255
    return image


@pytest.mark.parametrize(("scale", "angle"), [(1.0, 0.0), (0.7, 0.4), (2.5, -0.3), (6.0, 0.2)])
def test_landmarks_land_on_the_template(scale, angle):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (arcface_template() - 56) @ turn.T + 400
    crop = align_face(dots(points, shape=(800, 800), radius=2.5 * scale), tuple(map(tuple, points)))
    assert crop.shape == (112, 112, 3)
    rows, columns = np.mgrid[:112, :112]
    for x, y in arcface_template():
        weight = crop[:, :, 0] * ((columns - x) ** 2 + (rows - y) ** 2 < 36)
        found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
        assert found == pytest.approx([x, y], abs=0.35)


def test_template_landmarks_give_the_picture_back():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    assert np.array_equal(align_face(image, POINTS), image)


def test_a_large_reduction_averages_instead_of_skipping_pixels():
    stripes = np.zeros((1120, 1120, 3), dtype=np.uint8)
    stripes[::2] = 255
    crop = align_face(stripes, tuple((x * 10, y * 10) for x, y in POINTS))
    assert (
        np.abs(crop[5:-5, 5:-5].astype(int) - 127).max() <= 15
    )  # whole blocks of nine rows; skipping rows would give 0 and 255


def test_outside_the_photo_is_black():
    image = np.full((112, 112, 3), 200, dtype=np.uint8)
    crop = align_face(image, tuple((x - 60, y) for x, y in POINTS))
    assert (crop[:, :50] == 0).all()
    assert (crop[:, 70:] == 200).all()


def test_size_scales_the_template():
    assert face_transform(POINTS, size=224)[:, :2] == pytest.approx(np.eye(2) * 2)


@pytest.mark.parametrize("bad", [POINTS[:4], ((1.0, 1.0),) * 5, ((float("nan"), 0.0), *POINTS[1:])])
def test_bad_landmarks_are_refused(bad):
    with pytest.raises(BadInputError, match="landmarks"):
        align_face(np.zeros((10, 10, 3), dtype=np.uint8), bad)
