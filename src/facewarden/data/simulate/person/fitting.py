"""Where a head stands in a picture: scaled orthographic pose from five landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.lattice import Number
from facewarden.data.simulate.person.pose import PIVOT, Pose, rotation

_FARTHEST_MM = 30.0  # faces turned by 45 degrees stay below half of this; swapped eyes or garbage do not


@dataclass(frozen=True)
class PoseFit:
    """Scaled orthographic pose of a head in a picture.

    Attributes:
        yaw: degrees to the image's right.
        pitch: degrees down.
        roll: degrees clockwise in the image.
        mm_per_pixel: scale.
        origin: pixel `(x, y)` of the head's pivot.
    """

    yaw: Number
    pitch: Number
    roll: Number
    mm_per_pixel: Number
    origin: tuple[float, float]

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map `(k, 3)` face millimeters to `(k, 3)`: pixel x, pixel y, millimeters toward the camera."""
        turned = (points - PIVOT) @ rotation(Pose(self.yaw, self.pitch, self.roll)).T
        flat = turned[:, :2] / np.float32(self.mm_per_pixel) + np.array(self.origin, np.float32)
        return np.concatenate([flat, turned[:, 2:] + PIVOT[2]], axis=1).astype(np.float32)


def check_landmarks(landmarks: NDArray[np.float32]) -> None:
    """Refuse what is not five finite points with distinct eyes.

    Raises:
        BadInputError: wrong shape, not finite, or both eyes at one place.
    """
    if landmarks.shape != (5, 2) or not np.isfinite(landmarks).all():
        raise BadInputError(f"landmarks must be five finite (x, y) points, got shape {landmarks.shape}")
    if np.linalg.norm(landmarks[1] - landmarks[0]) < 2.0:
        raise BadInputError("the two eyes lie less than two pixels apart", hint="use a larger photo of the face")


def fit_pose(
    model: NDArray[np.float32], landmarks: NDArray[np.float32], *, mm_per_pixel: Number | None = None
) -> PoseFit:
    """Fit scale, rotation and place of a five-point head model to a picture by damped Gauss-Newton steps.

    Five points of one face fix the turn of an average face only roughly, so yaw and pitch are drawn to frontal with
    the weight of their everyday spread (15 and 8 degrees) against a landmark noise of 2 mm.

    Args:
        model: `(5, 3)` face millimeters.
        landmarks: `(5, 2)` pixels in the same order.
        mm_per_pixel: the scale, when it is known.

    Raises:
        BadInputError: the landmarks are not five finite, distinct points, or not those of a face.
    """
    check_landmarks(landmarks)
    start = landmarks[1] - landmarks[0]
    width = float(np.linalg.norm(model[1, :2] - model[0, :2]))
    scale = mm_per_pixel or width / float(np.linalg.norm(start))
    state = np.array([0.0, 0.0, float(np.degrees(np.arctan2(start[1], start[0]))), np.log(scale)])
    state = np.concatenate([state, landmarks.mean(axis=0).astype(np.float64)])
    free = np.array([True, True, True, mm_per_pixel is None, True, True])
    for _ in range(12):
        here = _residual(state, model, landmarks)
        columns = []
        for k, delta in enumerate((0.2, 0.2, 0.2, 1e-3, 0.1, 0.1)):
            moved = state.copy()
            moved[k] += delta
            columns.append((_residual(moved, model, landmarks) - here) / delta)
        slope = np.stack(columns, axis=1)[:, free]
        state[free] -= np.linalg.solve(slope.T @ slope + 1e-6 * np.eye(slope.shape[1]), slope.T @ here)
        state[:2] = np.clip(state[:2], -45, 45)
        state[3] = np.clip(state[3], np.log(scale) - 0.5, np.log(scale) + 0.5)
    fit = _unpack(state)
    off = np.linalg.norm(fit.project(model)[:, :2] - landmarks, axis=1).max() * fit.mm_per_pixel
    if not off < _FARTHEST_MM:
        raise BadInputError(
            f"the five landmarks do not form a face: one lies {off:.0f} mm from where a head would have it",
            hint="order: eyes left to right in the image, nose tip, mouth corners left to right",
        )
    return fit


def _unpack(state: NDArray[np.float64]) -> PoseFit:
    yaw, pitch, roll, log_scale, x, y = (float(v) for v in state)
    return PoseFit(yaw, pitch, roll, float(np.exp(log_scale)), (x, y))


def _residual(
    state: NDArray[np.float64], model: NDArray[np.float32], landmarks: NDArray[np.float32]
) -> NDArray[np.float64]:
    fit = _unpack(state)
    off = (fit.project(model)[:, :2] - landmarks).astype(np.float64) * fit.mm_per_pixel / 2.0
    return np.concatenate([off.ravel(), [fit.yaw / 15.0, fit.pitch / 8.0]])


def spread_residual(
    points: NDArray[np.float32], *, at: NDArray[np.float32], residual: NDArray[np.float32], reach: Number
) -> NDArray[np.float32]:
    """Interpolate `(k, 2)` displacements known at `(k, 2)` points to other points with Gaussians of width `reach`.

    Args:
        points: `(n, 2)` where the displacement is wanted.
        at: `(k, 2)` where it is known.
        residual: `(k, 2)` its values; they are met exactly.
        reach: standard deviation of the Gaussians, in the unit of the points; far away the displacement fades to 0.
    """

    def kernel(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
        gap = one[:, None, :].astype(np.float64) - other[None, :, :].astype(np.float64)
        return np.asarray(np.exp(-0.5 * (gap**2).sum(axis=2) / reach**2))

    weights = np.linalg.solve(kernel(at, at) + 1e-4 * np.eye(len(at)), residual.astype(np.float64))
    return np.asarray(kernel(points, at) @ weights, np.float32)
