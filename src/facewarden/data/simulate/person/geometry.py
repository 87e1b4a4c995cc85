"""The procedural head as a height field: cross-sections lofted along the face, then soft tissue on top."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.curves import half_width
from facewarden.data.simulate.person.lattice import Map, Number, profile, step
from facewarden.data.simulate.person.noise import fractal, generator
from facewarden.data.simulate.person.person import Identity, Shape
from facewarden.data.simulate.person.tissue import cheeks, eyelids, forehead_and_sockets, mouth_and_chin, nose

FRAME_CENTER_Y = 30.0
"""Distance in millimeters from the pupil line down to the middle of the frame."""


@dataclass(frozen=True)
class FaceGrid:
    """Square lattice of face coordinates: millimeters from the pupil midpoint, x right, y down.

    Attributes:
        n: pixels per side.
        mm: millimeters per pixel.
        x: `(n, n)` float32.
        y: `(n, n)` float32.
    """

    n: int
    mm: Number
    x: Map
    y: Map

    @classmethod
    def build(cls, *, size: int, mm_per_pixel: Number, margin: Number = 1.13, oversample: Number = 1.18) -> FaceGrid:
        """Make the lattice that covers a frame of `size` pixels with some margin for turned heads."""
        mm = mm_per_pixel / oversample
        n = round(size * margin * oversample)
        axis = ((np.arange(n, dtype=np.float32) - (n - 1) / 2) * mm).astype(np.float32)
        x, y = np.meshgrid(axis, axis + np.float32(FRAME_CENTER_Y))
        return cls(n, mm, np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32))

    def pixel(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert `(..., 2)` face millimeters to lattice pixels."""
        out = points / np.float32(self.mm) + np.float32((self.n - 1) / 2)
        out[..., 1] -= np.float32(FRAME_CENTER_Y / self.mm)
        return np.asarray(out, np.float32)


@dataclass(frozen=True)
class Head:
    """The neutral head of one identity over a grid.

    Attributes:
        relief: `(n, n)` millimeters toward the camera above the plane through the ears.
        skull: `(n, n)` millimeters inside (positive) or outside (negative) the bare head outline.
        ears: `(n, n)` coverage of the ears.
        neck: `(n, n)` coverage of the neck.
        body: `(n, n)` coverage of the shoulders.
        nostrils: `(n, n)` strength of the nostril openings.
        smile: `(n, n)` millimeters that a full smile adds to the relief.
    """

    relief: Map
    skull: Map
    ears: Map
    neck: Map
    body: Map
    nostrils: Map
    smile: Map


def signed_distance(inside: NDArray[np.bool_], *, mm: Number) -> Map:
    """Distance in millimeters to the border of a mask, positive inside, smoothed by one pixel."""
    mask = inside.astype(np.uint8)
    # Without any border in the frame OpenCV answers with the largest float, which later sums would overflow.
    inner = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 5), len(mask))
    outer = np.minimum(cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5), len(mask))
    return np.asarray(cv2.GaussianBlur(inner - outer, (0, 0), 1.0) * np.float32(mm), np.float32)


def build_head(identity: Identity, grid: FaceGrid) -> Head:
    """Build the neutral height field of one identity (about 200 numbers of anatomy, no data).

    Args:
        identity: the sampled person.
        grid: the lattice to evaluate it on.
    """
    shape, skin = identity.shape, identity.skin
    x, y = grid.x, grid.y
    ax = np.abs(x)

    width = half_width(shape, y)
    t = np.clip(ax / np.maximum(width, 0.5), 0, 1)
    p = np.float32(shape.squareness)
    section = np.maximum(1 - t**p, 0) ** np.float32(1 / 2.15)
    relief = _midline(shape, y) * section
    skull = signed_distance(ax < width, mm=grid.mm)

    relief += forehead_and_sockets(shape, x=x, y=y, ax=ax)
    snout, nostrils = nose(shape, x=x, y=y, ax=ax)
    relief += snout
    relief += mouth_and_chin(shape, x=x, y=y, ax=ax)
    folds, smile = cheeks(shape, x=x, y=y, ax=ax, wrinkles=skin.wrinkles)
    relief += folds
    rng = generator(identity.seed, "bone")
    relief += 1.3 * fractal(rng, ax, y, wavelength=48, octaves=2) * np.sqrt(section)
    relief = eyelids(shape, relief, ax=ax, y=y, wrinkles=skin.wrinkles)

    inside = step(skull, width=2.0)
    relief = relief * inside
    ear, ear_relief = _ears(shape, ax=ax, y=y)
    relief = np.where(inside > 0.5, relief, np.maximum(relief, ear_relief * ear))
    neck, body, torso = _neck_and_shoulders(shape, ax=ax, y=y)
    relief = np.maximum(relief, torso)
    sigma = 1.1 / grid.mm
    relief = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), sigma)
    return Head(
        relief=np.maximum(relief, 0).astype(np.float32),
        skull=skull.astype(np.float32),
        ears=ear,
        neck=neck,
        body=body,
        nostrils=nostrils,
        smile=smile,
    )


def _midline(shape: Shape, y: Map) -> Map:
    top, chin, slope = shape.vertex, shape.chin_y, shape.forehead_slope
    return profile(
        y,
        [
            (top - 6, 8.0),
            (top, 22.0),
            (top + 12, 54.0 - slope),
            (top + 28, 71.0 - slope),
            (top + 50, 82.0 - 0.7 * slope),
            (-42.0, 87.5 - 0.4 * slope),
            (-18.0, 88.5),
            (-4.0, 84.5),
            (20.0, 85.0),
            (shape.nose_y, 87.5),
            (shape.mouth_y, 86.5),
            (shape.mouth_y + 16, 83.0),
            (chin - 12, 82.0 + shape.chin_forward),
            (chin - 3, 76.0 + shape.chin_forward),
            (chin + 2, 66.0),
        ],
        smooth=4.0,
    )


def _ears(shape: Shape, *, ax: Map, y: Map) -> tuple[Map, Map]:
    top, height = -12.0, shape.ear_height
    center_y = top + height / 2
    s = np.clip((y - top) / height, 0, 1)
    attach = half_width(shape, y) - 2.5
    reach = shape.ear_out * (1.0 - 0.75 * s**2) * np.sqrt(np.clip(np.sin(np.pi * np.clip(s * 0.94 + 0.04, 0, 1)), 0, 1))
    outer = attach + 3.0 + reach
    cover = (
        step(outer - ax, width=2.2)
        * step(ax - attach + 2, width=2.0)
        * step(height / 2 - np.abs(y - center_y), width=4)
    )
    rim = np.exp(-0.5 * ((outer - ax - 2.0) / 1.6) ** 2) * 5.0
    bowl = np.exp(-0.5 * ((outer - ax - 6.5) / 2.2) ** 2) * 3.0
    return np.asarray(cover, np.float32), np.asarray(10.0 + rim - bowl, np.float32)


def _neck_and_shoulders(shape: Shape, *, ax: Map, y: Map) -> tuple[Map, Map, Map]:
    chin = shape.chin_y
    w = profile(
        y,
        [
            (40, shape.neck),
            (chin + 8, 0.97 * shape.neck),
            (chin + 30, 1.02 * shape.neck),
            (chin + 52, 1.35 * shape.neck),
        ],
        smooth=6.0,
    )
    t = np.clip(ax / w, 0, 1)
    start = step(y - 48, width=20)
    neck = step(w - ax, width=2.0) * start
    depth = profile(y, [(40, 30), (chin - 2, 40), (chin + 22, 45), (chin + 55, 52)], smooth=6.0)
    relief = depth * np.sqrt(np.maximum(1 - t * t, 0)) * neck
    tendon = (
        np.exp(-0.5 * ((ax - np.clip(30 - 0.42 * (y - chin), 8, 40)) / 4.5) ** 2) * 1.6 * step(y - chin - 4, width=14)
    )
    relief = relief + tendon * neck
    line = chin + 30 + 0.34 * np.maximum(ax - 50, 0) + 0.003 * np.maximum(ax - 120, 0) ** 2
    inside = np.minimum(y - line, (shape.shoulder - ax) + 0.5 * (y - line))
    body = step(inside, width=2.5)
    torso = 46 * np.clip(inside / 38, 0, 1) ** 0.5 * np.sqrt(np.clip(1.05 - (ax / shape.shoulder) ** 2 * 0.8, 0.1, 1.1))
    return neck, body, np.asarray(np.maximum(relief, torso * body), np.float32)
