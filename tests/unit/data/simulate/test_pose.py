from __future__ import annotations

import numpy as np
import pytest

from facewarden.data.simulate.person.pose import Camera, Pose, rotation, visible

POSE = Pose(yaw=12, pitch=-7, roll=5, shift=(6, -4), scale=1.07)


def lattice(n: int, mm: float) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    axis = (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm)
    x, y = np.meshgrid(axis, axis)
    return x, y, (1 / mm, (n - 1) / 2, (n - 1) / 2)


def test_rotation_is_a_rotation_with_the_promised_signs() -> None:
    r = rotation(POSE).astype(np.float64)
    np.testing.assert_allclose(r @ r.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(r) == pytest.approx(1, abs=1e-6)
    front = np.array([0, 0, 1.0])
    assert (rotation(Pose(yaw=10)) @ front)[0] > 0.1
    assert (rotation(Pose(pitch=10)) @ front)[1] > 0.1
    assert (rotation(Pose(roll=10)) @ np.array([1.0, 0, 0]))[1] > 0.1


def test_rays_invert_the_projection() -> None:
    camera = Camera(64, 2.0, 30.0, POSE)
    x, y, slope = camera.rays()
    z = np.random.default_rng(0).uniform(0, 100, x.shape).astype(np.float32)
    points = np.stack([x + slope[0] * z, y + slope[1] * z, z], axis=-1).reshape(-1, 3)
    seen = camera.project(points).reshape(64, 64, 3)
    rows, cols = np.mgrid[:64, :64]
    np.testing.assert_allclose(seen[..., 0], cols, atol=2e-3)
    np.testing.assert_allclose(seen[..., 1], rows, atol=2e-3)


def test_a_slanted_plane_is_seen_where_algebra_says() -> None:
    x, _, to_pixel = lattice(200, 2.0)
    plane = (50 + 0.4 * x).astype(np.float32)
    camera = Camera(64, 2.0, 0.0, Pose(yaw=15))
    z = visible(plane, camera=camera, to_pixel=to_pixel)
    at_x, _, slope = camera.rays()
    expected = (50 + 0.4 * at_x) / (1 - 0.4 * slope[0])  # z = 50 + 0.4 (x0 + slope z)
    np.testing.assert_allclose(z[8:-8, 8:-8], expected[8:-8, 8:-8], atol=0.3)


def test_a_wall_hides_what_lies_behind_it() -> None:
    """A 60 mm high wall seen from the side covers 60 tan(20°) = 21.8 mm of the floor behind it."""
    x, _, to_pixel = lattice(300, 1.0)
    wall = np.where(np.abs(x) < 5, 60, 0).astype(np.float32)
    z = visible(wall, camera=Camera(129, 1.0, 0.0, Pose(yaw=20)), to_pixel=to_pixel)
    high = (z[64] > 30).sum()  # top (10 mm, foreshortened) and the upper half of the side that faces the camera
    assert abs(high - (10 * np.cos(np.radians(20)) + 30 * np.sin(np.radians(20)))) < 4
    assert (z[64] > 1).sum() == pytest.approx(10 * np.cos(np.radians(20)) + 60 * np.sin(np.radians(20)), abs=5)
