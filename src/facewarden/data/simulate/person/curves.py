"""Curves of the face that shape and paint share: lids, lips, the smile fold and the outline of the head."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.person.lattice import Map, Number, profile, step
from facewarden.data.simulate.person.person import Shape


def lid_curves(shape: Shape, u: Map, *, openness: Number = 1.0) -> tuple[Map, Map]:
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
    crown, jaw_end = top + 62.0, chin - 20.0
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
    cap = np.maximum(1 - up**2.05, 0) ** 0.5 * np.maximum(1 - down**2.3, 0) ** 0.5
    return np.asarray(width * cap, np.float32)


def fold_distance(shape: Shape, ax: Map, y: Map) -> tuple[Map, Map]:
    """Signed distance (mm, outward positive) to the nasolabial fold and a weight that fades at its ends."""
    top_x, top_y = shape.nose_width / 2 + 3.0, shape.nose_y - 11.0
    end_x, end_y = shape.mouth_width / 2 + 7.0, shape.mouth_y + 4.0
    s = np.clip((y - top_y) / (end_y - top_y), -0.4, 1.4)
    curve = top_x + (end_x - top_x) * s ** np.float32(1.0) + 2.5 * np.sin(np.pi * np.clip(s, 0, 1))
    weight = step(s - 0.02, width=0.3) * step(1.05 - s, width=0.35)
    return np.asarray(ax - curve, np.float32), weight
