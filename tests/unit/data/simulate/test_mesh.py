from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.fitting import PoseFit, fit_pose, spread_residual
from facewarden.data.simulate.person.mesh import OBJ_NAME, CanonicalMesh, fit_canonical, rasterize, read_obj

HEAD = np.array([[-31, 0, 72], [31, 0, 72], [0, 37, 112], [-25, 69, 80], [25, 69, 80]], np.float32)


@pytest.fixture(scope="module")
def canonical(need_asset: Callable[[str], Path]) -> CanonicalMesh:
    return read_obj(need_asset("mindar_face_mesh") / OBJ_NAME)


def test_a_triangle_is_drawn_as_the_plane_it_is() -> None:
    points = np.array([[5, 5, 10], [45, 8, 50], [12, 40, 30]], np.float32)
    height, inside = rasterize(points, np.array([[0, 1, 2]]), size=50)
    plane = np.linalg.solve(np.c_[points[:, :2], np.ones(3)], points[:, 2])
    rows, cols = np.nonzero(inside)
    np.testing.assert_allclose(height[inside], np.c_[cols, rows, np.ones(len(rows))] @ plane, atol=1e-3)
    area = 0.5 * abs(np.linalg.det(points[1:, :2] - points[0, :2]))
    assert inside.sum() == pytest.approx(area, rel=0.05)
    assert (height[~inside] == 0).all()


def test_the_nearer_triangle_wins_in_any_order() -> None:
    far = [[0, 0, 5], [30, 0, 5], [0, 30, 5]]
    near = [[0, 0, 20], [15, 0, 20], [0, 15, 20]]
    points = np.array(far + near, np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        height, _ = rasterize(points, np.array(order), size=32)
        assert height[2, 2] == 20
        assert height[12, 12] == 5


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (12, 0, 4), (-9, 5, -8)])
def test_a_known_pose_is_found_again(yaw: float, pitch: float, roll: float) -> None:
    true = PoseFit(yaw, pitch, roll, 1.4, (120.0, 130.0))
    fit = fit_pose(HEAD, true.project(HEAD)[:, :2])
    # The pull to frontal keeps a share of the turn: that is its price.
    assert abs(fit.yaw - yaw) < 0.12 * abs(yaw) + 0.5
    assert abs(fit.pitch - pitch) < 0.5 * abs(pitch) + 0.8
    assert abs(fit.roll - roll) < 1.0
    assert fit.mm_per_pixel == pytest.approx(1.4, rel=0.03)


def test_spread_residuals_meet_the_points_and_fade() -> None:
    at = HEAD[:, :2]
    residual = np.random.default_rng(0).normal(0, 3, (5, 2)).astype(np.float32)
    np.testing.assert_allclose(spread_residual(at, at=at, residual=residual, reach=30.0), residual, atol=0.05)
    far = np.array([[900.0, 900.0]], np.float32)
    assert np.abs(spread_residual(far, at=at, residual=residual, reach=30.0)).max() < 1e-3


def test_the_canonical_face_meets_the_landmarks(canonical: CanonicalMesh) -> None:
    assert canonical.vertices.shape == (468, 3)
    assert canonical.triangles.shape == (898, 3)
    seen = PoseFit(10, -4, 6, 1.5, (118.0, 125.0)).project(canonical.landmarks)[:, :2]
    seen += np.random.default_rng(1).normal(0, 2, (5, 2)).astype(np.float32)
    fitted = fit_canonical(seen, size=256, mesh=canonical)
    nose = fitted.points[1, :2]
    assert np.linalg.norm(nose - seen[2]) < 0.2
    row, col = np.unravel_index(int(fitted.height.argmax()), fitted.height.shape)
    assert np.hypot(col - seen[2, 0], row - seen[2, 1]) < 6
    assert 90 < fitted.height.max() < 125
    assert 0.05 < fitted.inside.mean() < 0.6


def test_bad_files_and_landmarks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"gone\.obj"):
        read_obj(tmp_path / "gone.obj")
    for name, text in {
        "short": "v 0 0 0\nf 1 1 1\n",
        "words": "v a b c\n",
        "empty": "",
        "ragged": "v 1 2\nv 1\n",
    }.items():
        path = tmp_path / f"{name}.obj"
        path.write_text(text)
        with pytest.raises(BadInputError, match=name):
            read_obj(path)
    for points in (np.zeros((4, 2)), np.full((5, 2), np.nan), np.ones((5, 2))):
        with pytest.raises(BadInputError):
            fit_pose(HEAD, points.astype(np.float32))
    good = PoseFit(20.0, 5.0, 3.0, 1.4, (120.0, 130.0)).project(HEAD)[:, :2]
    fit_pose(HEAD, good)
    for order in ([3, 4, 2, 0, 1], [0, 1, 3, 2, 4], [2, 1, 0, 3, 4]):  # mouth for eyes, nose for mouth, nose for eye
        with pytest.raises(BadInputError, match="order"):
            fit_pose(HEAD, good[order])


@settings(max_examples=60, deadline=None)
@given(points=arrays(np.float32, (5, 2), elements=st.floats(-2000, 2000, width=32)))
def test_any_points_give_a_fit_or_a_clear_error(points: np.ndarray) -> None:
    try:
        fit = fit_pose(HEAD, points)
    except BadInputError:
        return
    assert np.isfinite(fit.project(HEAD)).all()
