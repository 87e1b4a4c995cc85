"""Soft tissue of the procedural head, as relief that is added to the lofted skull."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.person.curves import fold_distance, lid_coordinate, lid_curves, lip_curves
from facewarden.data.simulate.person.lattice import Map, Number, bump, profile, step
from facewarden.data.simulate.person.person import Shape


def forehead_and_sockets(shape: Shape, *, x: Map, y: Map, ax: Map) -> Map:
    """Relief (mm) of brow ridge, frontal bumps, temples and eye sockets."""
    px = shape.pupil_x
    brow_y = -18 + 0.004 * (ax - 28) ** 2
    ridge = np.exp(-0.5 * ((y - brow_y) / 6.0) ** 2) * step(46 - ax, width=22) * shape.brow_ridge
    ridge += bump(x, y, at=(0, -15), size=(9, 7)) * (0.35 * shape.brow_ridge)
    frontal = bump(ax, y, at=(24, -48), size=(17, 15)) * 1.6
    socket = bump(ax, y, at=(px, -3.5), size=(14.5, 8.5)) * shape.eye_depth
    socket += bump(ax, y, at=(px - 13.5, -1.0), size=(5.0, 7.0)) * (0.55 * shape.eye_depth)
    temple = bump(ax, y, at=(66, -22), size=(9, 18)) * 2.0
    return np.asarray(ridge + frontal - socket - temple, np.float32)


def nose(shape: Shape, *, x: Map, y: Map, ax: Map) -> tuple[Map, Map]:
    """Relief (mm) of the nose, and the strength of its nostril openings."""
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


def mouth_and_chin(shape: Shape, *, x: Map, y: Map, ax: Map) -> Map:
    """Relief (mm) of lips, philtrum and chin."""
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


def cheeks(shape: Shape, *, x: Map, y: Map, ax: Map, wrinkles: Number) -> tuple[Map, Map]:
    """Relief (mm) of cheekbones, folds and jowls, and what a full smile adds."""
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


def eyelids(shape: Shape, relief: Map, *, ax: Map, y: Map, wrinkles: Number) -> Map:
    """Relief with eyeballs, lids, lid creases and bags under the eyes."""
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
