"""Pasting back: the map is that of the alignment, its adjoint is one, and a change arrives within its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facewarden.align import align_face, arcface_template, face_region, paste_change
from facewarden.align.parts.sampling import Sampling
from facewarden.core.errors import BadInputError

SCALES = [(0.6, 0.3), (1.0, 0.0), (1.4, -0.4), (2.6, 0.2), (5.3, 0.1)]


def placed(
    scale: float, angle: float, *, center: tuple[float, float] = (330.0, 350.0)
) -> tuple[tuple[float, float], ...]:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return tuple((float(x), float(y)) for x, y in (arcface_template() - 56) @ turn.T + center)


def photo(seed: int = 0, *, size: tuple[int, int] = (701, 690)) -> np.ndarray:
    draw = np.random.default_rng(seed)
    coarse = draw.integers(60, 190, (size[0] // 10 + 1, size[1] // 10 + 1, 3))
    return np.kron(coarse, np.ones((10, 10, 1)))[: size[0], : size[1]].astype(np.uint8)


def wanted(seed: int = 1, *, eps: float = 8 / 255) -> np.ndarray:
    draw = np.random.default_rng(seed)
    signs = np.kron(draw.choice([-1.0, 1.0], (56, 56, 3)), np.ones((2, 2, 1)))
    return eps * signs * face_region()[..., None]


@pytest.mark.parametrize(("scale", "angle"), SCALES)
def test_the_map_is_that_of_the_alignment(scale: float, angle: float) -> None:
    image, points = photo(), placed(scale, angle)
    sampling = Sampling(image.shape[:2], points)
    part = torch.from_numpy(image[sampling.rows, sampling.columns].astype(np.float32))
    apart = np.abs(sampling.forward(part).numpy() - align_face(image, points))
    assert apart.mean() < 0.6  # OpenCV counts in 32nds of a pixel and rounds to 8 bits
    assert np.quantile(apart, 0.99) < 4


@pytest.mark.parametrize(("scale", "angle"), SCALES)
def test_the_adjoint_is_one(scale: float, angle: float) -> None:
    sampling = Sampling((701, 690), placed(scale, angle))
    size = (sampling.rows.stop - sampling.rows.start, sampling.columns.stop - sampling.columns.start, 2)
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    y = torch.randn(112, 112, 2, generator=torch.Generator().manual_seed(1))
    left, right = float((sampling.forward(x) * y).sum()), float((x * sampling.adjoint(y)).sum())
    assert left == pytest.approx(right, rel=1e-3, abs=0.05)


@pytest.mark.parametrize(("scale", "angle"), SCALES[1:4])
def test_a_change_arrives_within_the_limit(scale: float, angle: float) -> None:
    image, points = photo(), placed(scale, angle)
    found = paste_change(image, wanted(), points, limit=8 / 255)
    assert np.abs(found.photo.astype(int) - image).max() <= 8
    assert 0.75 < found.gain < 1.1
    assert found.residual < 0.45
    room = paste_change(image, wanted(), points, limit=24 / 255)
    assert 0.95 < room.gain < 1.05
    assert room.residual < found.residual + 0.02
    arrived = align_face(found.photo, points).astype(float) - align_face(image, points)
    assert found.gain == pytest.approx((arrived * wanted()).sum() / (wanted() ** 2).sum() / 255)


def test_it_beats_adding_the_enlarged_change() -> None:
    import cv2

    from facewarden.align import face_transform

    image, points, change = photo(), placed(1.4, -0.4), wanted()
    enlarged = cv2.warpAffine(change, cv2.invertAffineTransform(face_transform(points)), image.shape[1::-1])
    plain = np.clip(image + np.round(255 * enlarged), 0, 255).astype(np.uint8)
    arrived = align_face(plain, points).astype(float) - align_face(image, points)
    missed = np.linalg.norm(arrived - 255 * change) / np.linalg.norm(255 * change)
    assert paste_change(image, change, points, limit=8 / 255).residual < 0.8 * missed


def test_in_a_photo_that_is_the_crop_everything_arrives() -> None:
    image, points = photo(size=(112, 112)), tuple(map(tuple, arcface_template()))
    change = np.round(255 * wanted()) / 255
    found = paste_change(image, change, points, limit=8 / 255)
    assert np.array_equal(found.photo.astype(int) - image, np.round(255 * change))
    assert (found.gain, found.residual) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-6))


def test_what_lies_outside_the_face_is_not_touched() -> None:
    image, points = photo(), placed(2.6, 0.0)
    changed = (paste_change(image, wanted(), points, limit=0.1).photo != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 350 - 56 * 2.6
    assert columns.min() > 330 - 56 * 2.6
    assert changed.mean() < 0.2


def test_a_second_face_counts_from_the_original() -> None:
    image, change = photo(), np.abs(wanted())
    first = paste_change(image, change, placed(1.4, 0.0), limit=6 / 255)
    second = paste_change(first.photo, change, placed(1.4, 0.0), limit=6 / 255, original=image)
    assert np.abs(second.photo.astype(int) - image).max() <= 6


def test_a_face_at_the_edge_and_no_change_at_all() -> None:
    image = photo()
    edge = paste_change(image, wanted(), placed(1.4, 0.2, center=(5.0, 690.0)), limit=8 / 255)
    assert 0.0 < edge.gain < 0.9
    same = paste_change(image, np.zeros((112, 112, 3)), placed(1.4, 0.2), limit=8 / 255)
    assert np.array_equal(same.photo, image)
    with pytest.raises(BadInputError, match="limit"):
        paste_change(image, wanted(), placed(1.0, 0.0), limit=8.0)
