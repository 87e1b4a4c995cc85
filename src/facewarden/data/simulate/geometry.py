"""The procedural head as a height field: cross-sections lofted along the face, then soft tissue on top."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.identity import Identity, Shape
from facewarden.data.simulate.noise import Map, bump, fractal, generator, profile, step

FRAME_CENTER_Y = 30.0
"""Distance in millimeters from the pupil line down to the middle of the frame."""


@dataclass(frozen=True)
class Grid:
    """Square lattice of face coordinates: millimeters from the pupil midpoint, x right, y down.

    Attributes:
        n: pixels per side.
        mm: millimeters per pixel.
        x: `(n, n)` float32.
        y: `(n, n)` float32.
    """

    n: int
    mm: float
    x: Map
    y: Map

    @classmethod
    def build(cls, *, size: int, mm_per_pixel: float, margin: float = 1.13, oversample: float = 1.18) -> Grid:
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


def lid_curves(shape: Shape, u: Map, *, openness: float = 1.0) -> tuple[Map, Map]:
    """Heights (mm, down) of the upper and lower lid edge over `u` = -1 (inner corner) to 1 (outer corner).

    Outside [-1, 1] both curves meet, so the opening closes at the corners.
    """
    inside = np.clip(1 - u * u, 0, 1)
    tilt = np.float32(-np.tan(np.radians(shape.eye_tilt)) * shape.eye_length / 2)
    # Lid corners lie below the pupil: the upper lid does most of the opening.
    base = tilt * np.clip(u, -1.2, 1.2) + np.float32(0.27 * shape.eye_height)
    upper = inside**0.72 * (1 - 0.14 * u) * (0.67 * shape.eye_height)
    lower = inside**0.85 * (1 + 0.22 * u) * (0.33 * shape.eye_height)
    closed = np.float32(1 - openness)
    upper_y = base - upper * (1 - closed) + lower * np.float32(0.75) * closed
    return np.asarray(upper_y, np.float32), np.asarray(base + lower * (1 - 0.15 * closed), np.float32)


def lid_coordinate(shape: Shape, ax: Map) -> Map:
    """Position across the eye, -1 at the inner corner to 1 at the outer, from the distance to the midline (mm)."""
    return np.asarray((ax - np.float32(shape.pupil_x - 0.9)) / np.float32(shape.eye_length / 2), np.float32)


def lip_curves(shape: Shape, x: Map) -> tuple[Map, Map, Map]:
    """Heights (mm, down) of the upper lip border, the line between the lips and the lower lip border over `x`."""
    t = np.clip(np.abs(x) / np.float32(shape.mouth_width / 2), 0, 1)
    middle = shape.mouth_y + 0.5 * np.cos(np.pi * t * 2.2) * (1 - t) + 1.2 * t**2 - 0.2
    bow = np.exp(-0.5 * (x / 3.0) ** 2) * 2.2 * shape.lip_bow - np.exp(-0.5 * ((np.abs(x) - 6.5) / 4.0) ** 2) * (
        0.9 * shape.lip_bow
    )
    upper = middle - shape.lip_upper * (1 - t**1.7) ** 0.9 + bow * (1 - t)
    lower = middle + shape.lip_lower * (1 - t**2.1) ** 0.85
    return np.asarray(upper, np.float32), np.asarray(middle, np.float32), np.asarray(lower, np.float32)


def half_width(shape: Shape, y: Map) -> Map:
    """Half-width (mm) of the bare head outline at height `y` of a lattice, as one `(n, 1)` column."""
    chin, top = shape.chin_y, shape.vertex
    gonion = 0.70 * chin
    crown, jaw_end = top + 58.0, chin - 20.0
    knots = [
        (top - 5.0, shape.cranium),
        (crown, shape.cranium),
        (-25.0, shape.temple * 1.03),
        (0.0, shape.temple),
        (18.0, shape.cheek),
        (36.0, 0.975 * shape.cheek),
        (gonion - 18.0, 0.5 * (0.93 * shape.cheek + 1.10 * shape.jaw)),
        (gonion, 1.02 * shape.jaw),
        (jaw_end, 0.50 * shape.jaw + 0.72 * shape.chin),
        (chin + 8.0, 0.28 * shape.jaw + 0.62 * shape.chin),
    ]
    width = profile(y, knots, smooth=4.0)
    y = y[:, :1]
    up = np.clip((crown - y) / (crown - top), 0, 1)
    down = np.clip((y - jaw_end) / (chin + 3.0 - jaw_end), 0, 1)
    cap = np.maximum(1 - up**2.25, 0) ** 0.5 * np.maximum(1 - down**2.3, 0) ** 0.5
    return np.asarray(width * cap, np.float32)


def signed_distance(inside: NDArray[np.bool_], *, mm: float) -> Map:
    """Distance in millimeters to the border of a mask, positive inside, smoothed by one pixel."""
    mask = inside.astype(np.uint8)
    inner = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return np.asarray(cv2.GaussianBlur(inner - outer, (0, 0), 1.0) * np.float32(mm), np.float32)


def build_head(identity: Identity, grid: Grid) -> Head:
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

    relief += _forehead_and_sockets(shape, x=x, y=y, ax=ax)
    nose, nostrils = _nose(shape, x=x, y=y, ax=ax)
    relief += nose
    relief += _mouth_and_chin(shape, x=x, y=y, ax=ax)
    folds, smile = _cheeks(shape, x=x, y=y, ax=ax, wrinkles=skin.wrinkles)
    relief += folds
    rng = generator(identity.seed, "bone")
    relief += 1.3 * fractal(rng, ax, y, wavelength=48, octaves=2) * np.sqrt(section)
    relief = _eyelids(shape, relief, ax=ax, y=y, wrinkles=skin.wrinkles)

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


def _forehead_and_sockets(shape: Shape, *, x: Map, y: Map, ax: Map) -> Map:
    px = shape.pupil_x
    brow_y = -18 + 0.004 * (ax - 28) ** 2
    ridge = np.exp(-0.5 * ((y - brow_y) / 6.0) ** 2) * step(46 - ax, width=22) * shape.brow_ridge
    ridge += bump(x, y, at=(0, -15), size=(9, 7)) * (0.35 * shape.brow_ridge)
    frontal = bump(ax, y, at=(24, -48), size=(17, 15)) * 1.6
    socket = bump(ax, y, at=(px, -3.5), size=(14.5, 8.5)) * shape.eye_depth
    socket += bump(ax, y, at=(px - 13.5, -1.0), size=(5.0, 7.0)) * (0.55 * shape.eye_depth)
    temple = bump(ax, y, at=(66, -22), size=(9, 18)) * 2.0
    return np.asarray(ridge + frontal - socket - temple, np.float32)


def _nose(shape: Shape, *, x: Map, y: Map, ax: Map) -> tuple[Map, Map]:
    base, tip_y = shape.nose_y, shape.nose_y - shape.tip_lift
    bridge, tip = shape.bridge_height, shape.tip_height
    height = profile(
        y,
        [
            (-26, 0.0),
            (-16, 0.25 * bridge),
            (-7, 0.72 * bridge),
            (2, bridge),
            (0.45 * tip_y, 0.62 * bridge + 0.36 * tip + shape.hump),
            (tip_y - 6, 0.93 * tip),
            (tip_y, tip),
            (tip_y + 3.5, 0.80 * tip),
            (base - 1, 0.34 * tip),
            (base + 3, 0.12 * tip),
            (base + 8, 0.0),
        ],
        smooth=1.9,
    )
    bw = shape.bridge_width
    spread = profile(
        y, [(-26, 1.5 * bw), (-8, 0.95 * bw), (4, bw), (tip_y - 12, 1.12 * bw), (tip_y, 1.35 * bw), (base, 1.6 * bw)]
    )
    ridge = height / (1 + (ax / spread) ** 2.6)
    ball = bump(x, y, at=(0, tip_y), size=(shape.tip_radius * 0.72, 5.6)) * (0.24 * tip)
    ala_x = shape.nose_width / 2 - 4.6
    wing = bump(ax, y, at=(ala_x, base - 7.0), size=(4.3, 5.6)) * (0.40 * tip)
    crease = bump(ax, y, at=(shape.nose_width / 2 + 1.6, base - 7.5), size=(2.0, 5.5)) * 1.8
    crease += bump(ax, y, at=(ala_x + 0.5, base - 14.5), size=(4.0, 2.4)) * 1.2
    opening = bump(ax, y, at=(0.43 * ala_x + 1.5, base - 2.4), size=(2.9 * shape.nostril, 1.7 * shape.nostril))
    columella = bump(x, y, at=(0, base - 2.0), size=(2.4, 4.0)) * 2.0
    out = ridge + ball + wing - crease - 3.0 * opening + columella
    return np.asarray(out, np.float32), np.asarray(opening, np.float32)


def _mouth_and_chin(shape: Shape, *, x: Map, y: Map, ax: Map) -> Map:
    upper, middle, lower = lip_curves(shape, x[:1])
    t = np.clip(ax / (shape.mouth_width / 2), 0, 1)
    taper = (1 - t**2.2).astype(np.float32)
    u = np.clip((y - upper) / np.maximum(middle - upper, 0.6), 0, 1)
    v = np.clip((y - middle) / np.maximum(lower - middle, 0.6), 0, 1)
    upper_lip = np.sin(np.pi * np.clip(u, 0, 1) ** 0.8) * (y <= middle) * taper
    lower_lip = np.sin(np.pi * v**0.75) * (y > middle) * taper
    out = shape.lip_forward * (0.42 * upper_lip + 0.55 * lower_lip)
    out += bump(x, y, at=(0, shape.mouth_y), size=(shape.mouth_width / 2.6, 11)) * (0.85 * shape.lip_forward)
    out -= np.exp(-0.5 * ((y - middle) / 1.1) ** 2) * step(shape.mouth_width / 2 + 0.5 - ax, width=5) * 2.0
    out -= bump(ax, y, at=(shape.mouth_width / 2 + 1.5, shape.mouth_y + 0.5), size=(3.0, 3.2)) * 1.3
    philtrum = step(y - shape.nose_y - 1, width=4) * step(upper - y + 1, width=3)
    out += philtrum * (0.9 * np.exp(-0.5 * ((ax - 4.6) / 1.8) ** 2) - 1.0 * np.exp(-0.5 * (x / 2.4) ** 2))
    below = shape.mouth_y + shape.lip_lower + 5.5
    out -= bump(x, y, at=(0, below), size=(16, 4.2)) * 2.6
    out += bump(x, y, at=(0, shape.chin_y - 13), size=(shape.chin * 0.62, 9.5)) * (2.8 + 0.5 * shape.chin_forward)
    out -= bump(x, y, at=(0, shape.chin_y - 11), size=(1.8, 8)) * shape.chin_cleft
    return np.asarray(out, np.float32)


def fold_distance(shape: Shape, ax: Map, y: Map) -> tuple[Map, Map]:
    """Signed distance (mm, outward positive) to the nasolabial fold and a weight that fades at its ends."""
    top_x, top_y = shape.nose_width / 2 + 3.0, shape.nose_y - 11.0
    end_x, end_y = shape.mouth_width / 2 + 7.0, shape.mouth_y + 4.0
    s = np.clip((y - top_y) / (end_y - top_y), -0.4, 1.4)
    curve = top_x + (end_x - top_x) * s ** np.float32(1.0) + 2.5 * np.sin(np.pi * np.clip(s, 0, 1))
    weight = step(s - 0.02, width=0.3) * step(1.05 - s, width=0.35)
    return np.asarray(ax - curve, np.float32), weight


def _cheeks(shape: Shape, *, x: Map, y: Map, ax: Map, wrinkles: float) -> tuple[Map, Map]:
    full = float(np.clip(shape.cheek_full, -2, 2))
    out = bump(ax, y, at=(45, 19), size=(13, 9)) * shape.cheekbone
    out += bump(ax, y, at=(36, 33), size=(14, 13)) * (1.6 + 0.9 * full)
    out -= bump(ax, y, at=(46, 58), size=(11, 17)) * (2.4 - 1.4 * full)
    out -= bump(ax, y, at=(22, 14), size=(9, 5)) * (0.9 + 0.9 * wrinkles)
    distance, weight = fold_distance(shape, ax, y)
    groove = np.exp(-0.5 * (distance / 2.3) ** 2) * weight
    roll = np.exp(-0.5 * ((distance - 6.5) / 5.0) ** 2) * weight
    out += (0.75 + 1.3 * wrinkles) * (0.9 * roll - 1.1 * groove)
    jowl = bump(ax, y, at=(shape.jaw * 0.72, shape.chin_y - 22), size=(10, 9))
    out += jowl * (2.6 * wrinkles + 0.6 * max(full, 0))
    smile = 2.4 * roll - 1.7 * groove + 2.4 * bump(ax, y, at=(39, 27), size=(12, 9))
    return np.asarray(out, np.float32), np.asarray(smile, np.float32)


def _eyelids(shape: Shape, relief: Map, *, ax: Map, y: Map, wrinkles: float) -> Map:
    px = shape.pupil_x
    u = lid_coordinate(shape, ax[:1])
    upper, lower = lid_curves(shape, u)
    r2 = ((ax - px + 0.5) / 13.0) ** 2 + ((y - 0.5) / 12.0) ** 2
    ball = np.sqrt(np.maximum(1 - r2, 0)) * 12.0
    seat = 64.5 - 0.35 * (shape.eye_depth - 6.5)
    lid = step(1.0 - r2, width=0.9)
    relief = relief + lid * 0.82 * (np.maximum(ball + seat, relief) - relief)
    opening = step(y - upper, width=1.2) * step(lower - y, width=1.2) * (np.abs(u) < 1)
    relief = relief - 1.5 * opening
    weight = step(1.15 - np.abs(u), width=0.5)
    crease = np.exp(-0.5 * ((y - upper + shape.lid_crease + 0.6) / 0.9) ** 2) * weight
    relief = relief - crease * min(1.7, 0.5 * shape.lid_crease)
    bag = np.exp(-0.5 * ((y - lower - 7.0) / 2.2) ** 2) * weight
    groove = np.exp(-0.5 * ((y - lower - 10.5) / 1.8) ** 2) * weight
    return np.asarray(relief + (0.3 + 1.2 * wrinkles) * (0.8 * bag - 0.9 * groove), np.float32)


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
