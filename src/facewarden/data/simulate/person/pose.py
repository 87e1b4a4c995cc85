"""Pose and expression of one capture, and the inverse projection of a height field under them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.lattice import Map, Number, resize, sample

PIVOT = np.array([0.0, 25.0, 35.0], np.float32)
"""Point in face millimeters about which the head turns; it stays put in the frame."""


@dataclass(frozen=True)
class Pose:
    """How the head is held: degrees, and the place in the frame in millimeters.

    Attributes:
        yaw: turn to the image's right (positive) or left.
        pitch: nod down (positive) or up.
        roll: tilt clockwise in the image.
        shift: displacement (right, down) in the frame in millimeters.
        scale: size relative to the frame's `mm_per_pixel`.
    """

    yaw: Number = 0.0
    pitch: Number = 0.0
    roll: Number = 0.0
    shift: tuple[Number, Number] = (0.0, 0.0)
    scale: Number = 1.0


@dataclass(frozen=True)
class Expression:
    """What the face does; every value but `gaze` in [0, 1].

    Attributes:
        smile: raised mouth corners and cheeks.
        mouth_open: dropped jaw.
        brow_raise: lifted brows (negative: lowered, at least -1).
        blink: closed lids.
        gaze: turn of both eyes in millimeters of iris travel (right, down).
        pupil: pupil diameter in millimeters.
    """

    smile: Number = 0.0
    mouth_open: Number = 0.0
    brow_raise: Number = 0.0
    blink: Number = 0.0
    gaze: tuple[Number, Number] = (0.0, 0.0)
    pupil: Number = 3.6


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a cooperative pose: within about 20 degrees of frontal, slightly off center."""
    yaw, pitch, roll = np.clip(rng.normal(0, [8.0, 5.0, 3.0]), [-22, -13, -9], [22, 13, 9])
    shift = rng.normal(0, 5.0, 2).clip(-12, 12)
    scale = float(np.exp(np.clip(rng.normal(0, 0.04), -0.1, 0.1)))
    return Pose(float(yaw), float(pitch), float(roll), (float(shift[0]), float(shift[1])), scale)


def sample_expression(rng: np.random.Generator) -> Expression:
    """Draw an everyday expression: mostly neutral to a light smile, eyes open and near the camera."""
    smile = float(rng.beta(0.7, 1.6))
    gaze = rng.normal(0, [1.0, 0.5]).clip(-2.5, 2.5)
    return Expression(
        smile=smile,
        mouth_open=float(rng.beta(0.8, 6.0) * (0.4 + 0.6 * (rng.random() < 0.5))),
        brow_raise=float(np.clip(rng.normal(0, 0.25), -0.6, 0.9)),
        blink=float(np.clip(0.14 * smile + abs(rng.normal(0, 0.06)), 0, 0.35)),
        gaze=(float(gaze[0]), float(gaze[1])),
        pupil=float(rng.uniform(2.6, 5.0)),
    )


def sample_strong_expression(rng: np.random.Generator) -> Expression:
    """Draw an expression that hardly anybody shows at a counter: a grin, a gape, a wink-like squint, raised brows."""
    kind = ("grin", "gape", "squint", "surprise")[int(rng.integers(0, 4))]
    gaze = rng.normal(0, [1.6, 0.8]).clip(-3.5, 3.5)
    smile = {"grin": rng.uniform(0.85, 1.0), "squint": rng.uniform(0.3, 0.7)}.get(kind, 0.0)
    mouth = {"gape": rng.uniform(0.6, 1.0), "surprise": rng.uniform(0.3, 0.8), "grin": rng.uniform(0.1, 0.4)}
    brow = {"surprise": rng.uniform(0.8, 1.0), "squint": rng.uniform(-1.0, -0.5)}
    blink = {"squint": rng.uniform(0.45, 0.8), "grin": rng.uniform(0.15, 0.4)}
    return Expression(
        float(smile), float(mouth.get(kind, 0.05)), float(brow.get(kind, 0.0)), float(blink.get(kind, 0.0)),
        (float(gaze[0]), float(gaze[1])), float(rng.uniform(2.6, 5.0)),
    )  # fmt: skip


def rotation(pose: Pose) -> NDArray[np.float32]:
    """Return the `(3, 3)` rotation of a pose in frame axes (x right, y down, z toward the camera)."""
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn, np.float32)


@dataclass(frozen=True)
class Camera:
    """Orthographic view of a posed head.

    Attributes:
        size: pixels per side of the frame.
        mm: millimeters per pixel.
        center_y: face millimeters that the middle of the frame shows at rest.
        pose: how the head is held.
    """

    size: int
    mm: Number
    center_y: Number
    pose: Pose

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map `(k, 3)` face millimeters to `(k, 3)`: pixel x, pixel y, millimeters toward the camera."""
        turned = ((points - PIVOT) @ rotation(self.pose).T) * np.float32(self.pose.scale) + PIVOT
        half = np.float32((self.size - 1) / 2)
        px = (turned[:, 0] + np.float32(self.pose.shift[0])) / np.float32(self.mm) + half
        py = (turned[:, 1] + np.float32(self.pose.shift[1] - self.center_y)) / np.float32(self.mm) + half
        return np.stack([px, py, turned[:, 2]], axis=1).astype(np.float32)

    def rays(self) -> tuple[Map, Map, NDArray[np.float32]]:
        """Return face `x, y` at height 0 for every pixel, and how `(x, y)` move per millimeter of height."""
        r = rotation(self.pose).astype(np.float64) * self.pose.scale
        inverse = np.linalg.inv(r[:2, :2])
        axis = (np.arange(self.size) - (self.size - 1) / 2) * self.mm
        u = axis - self.pose.shift[0] - PIVOT[0] + r[0, 2] * PIVOT[2]
        v = axis + self.center_y - self.pose.shift[1] - PIVOT[1] + r[1, 2] * PIVOT[2]
        x = inverse[0, 0] * u[None, :] + inverse[0, 1] * v[:, None] + PIVOT[0]
        y = inverse[1, 0] * u[None, :] + inverse[1, 1] * v[:, None] + PIVOT[1]
        return x.astype(np.float32), y.astype(np.float32), np.asarray(-inverse @ r[:2, 2], np.float32)


def visible(
    height: Map, *, camera: Camera, to_pixel: tuple[Number, Number, Number], steps: tuple[int, int] = (16, 5)
) -> Map:
    """Find the height (mm) that each pixel of the frame sees: the first crossing from the camera down.

    A search along every second ray keeps the near side of the nose in front of the far cheek; each pixel then searches
    again between the highest and the lowest crossing around it.

    Args:
        height: `(n, n)` height field, millimeters, not negative.
        camera: the view.
        to_pixel: scale and offsets that turn face millimeters into pixels of `height`: `x * s + ox`, `y * s + oy`.
        steps: samples along each ray in the coarse and in the fine search.
    """
    s, ox, oy = (np.float32(v) for v in to_pixel)
    x, y, slope = camera.rays()
    x, y = x * s + ox, y * s + oy
    dx, dy = (float(v) for v in slope * s)
    top = float(height.max())
    if np.hypot(dx, dy) * top < 0.5:
        return sample(height, x, y)
    thin_x, thin_y = np.ascontiguousarray(x[::2, ::2]), np.ascontiguousarray(y[::2, ::2])
    full = np.full_like(thin_x, top)
    coarse = _first_crossing(height, thin_x, thin_y, slope=(dx, dy), high=full, low=np.zeros_like(full), steps=steps[0])
    around = np.ones((3, 3), np.uint8)
    high = resize(np.asarray(cv2.dilate(coarse, around), np.float32), size=(camera.size, camera.size)) + np.float32(3)
    low = resize(np.asarray(cv2.erode(coarse, around), np.float32), size=(camera.size, camera.size)) - np.float32(3)
    return _first_crossing(height, x, y, slope=(dx, dy), high=high, low=np.maximum(low, 0), steps=steps[1])


def _first_crossing(height: Map, x: Map, y: Map, *, slope: tuple[float, float], high: Map, low: Map, steps: int) -> Map:
    """Step along rays from `high` to `low`; between two samples ray and surface are taken as straight."""
    dx, dy = np.float32(slope[0]), np.float32(slope[1])
    crossing = low.copy()
    ahead = np.ones(x.shape, bool)
    span = (high - low) / np.float32(steps - 1)
    z = high.copy()
    before = np.full_like(x, -1.0)
    for k in range(steps):
        under = sample(height, x + dx * z, y + dy * z) - z
        hit = ahead & (under >= 0)
        if k == 0:
            crossing[hit] = z[hit]
        else:
            gap = before[hit]
            crossing[hit] = z[hit] + span[hit] * (1 - gap / np.minimum(gap - under[hit], np.float32(-1e-3)))
        ahead &= ~hit
        before = under
        z -= span
    return crossing
