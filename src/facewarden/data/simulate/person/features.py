"""Painted features that lie on the skin: brows from strokes, facial hair, glasses, shoulders and clothes mask."""

from __future__ import annotations

import cv2
import numpy as np

from facewarden.data.simulate.person.curves import half_width, lip_curves
from facewarden.data.simulate.person.geometry import FaceGrid, Head
from facewarden.data.simulate.person.hair import hair_color, hair_nir
from facewarden.data.simulate.person.lattice import Map, blur, bump, sample, step
from facewarden.data.simulate.person.maps import REGIONS
from facewarden.data.simulate.person.noise import field, fractal, generator
from facewarden.data.simulate.person.person import Identity
from facewarden.data.simulate.person.skin import Canvas

_BROW_SCALE = 4.0  # sheet pixels per millimeter: strokes are about 0.3 mm wide
_BROW_X, _BROW_Y = 70.0, 22.0


def brow_curve(identity: Identity, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center line (mm from the midline, mm down) of the brow for `s` from 0 (inner end) to 1 (outer end)."""
    hair = identity.hair
    peak = 0.55
    x = hair.brow_gap + hair.brow_length * s
    drop = np.where(
        s < peak, hair.brow_tilt * ((peak - s) / peak) ** 2, hair.brow_arch * ((s - peak) / (1 - peak)) ** 2
    )
    y = hair.brow_y + drop
    return x, y


def paint_brows(canvas: Canvas, identity: Identity, *, grid: FaceGrid) -> None:
    """Draw both brows stroke by stroke on a fine sheet and lay the sheet over the skin."""
    hair = identity.hair
    rng = generator(identity.seed, "brows")
    h, w = int(2 * _BROW_Y * _BROW_SCALE), int(2 * _BROW_X * _BROW_SCALE)
    sheet = np.zeros((h, w), np.uint8)
    origin = np.array([_BROW_X, _BROW_Y - hair.brow_y])
    for side in (-1.0, 1.0):
        count = int(210 * hair.brow_density * (hair.brow_thickness / 5) ** 0.7)
        s = rng.beta(1.15, 1.25, count)
        cx, cy = brow_curve(identity, s)
        taper = np.clip(1.15 - s**1.8, 0.15, 1) * np.clip(0.65 + 3 * s, 0, 1)
        offset = rng.normal(0.12, 0.30, count).clip(-0.55, 0.7) * hair.brow_thickness * taper
        lean = np.interp(s, [0, 0.25, 0.7, 1], [-1.25, -0.55, -0.05, 0.5]) + rng.normal(0, 0.16, count)
        length = rng.uniform(4.0, 7.5, count) * np.interp(s, [0, 0.3, 1], [0.85, 1.1, 0.8])
        start = np.stack([side * cx, cy + offset], 1)
        tip = start + np.stack([side * np.cos(lean), np.sin(lean)], 1) * length[:, None]
        bend = 0.5 * (start + tip) + np.stack([np.zeros(count), 0.06 * length], 1)
        lines = np.stack([start, bend, tip], 1) + origin
        points = np.round(lines * _BROW_SCALE * 16).astype(np.int32)
        for k in range(0, count, 3):
            shade = int(110 + 60 * ((k * 7) % 5) / 4)
            layer = [points[i].reshape(-1, 1, 2) for i in range(k, min(k + 3, count))]
            cv2.polylines(sheet, layer, isClosed=False, color=shade, thickness=2, lineType=cv2.LINE_AA, shift=4)
    soft = blur(sheet.astype(np.float32) / np.float32(255), sigma=max(0.5, 0.42 * grid.mm * _BROW_SCALE))
    map_x = (grid.x + np.float32(origin[0])) * np.float32(_BROW_SCALE)
    map_y = (grid.y + np.float32(origin[1])) * np.float32(_BROW_SCALE)
    alpha = sample(soft, map_x, map_y)
    alpha = np.clip(alpha * (1.0 + 0.5 * hair.brow_density), 0, 0.92).astype(np.float32)
    color = hair_color(hair) * np.float32(0.62 if hair.gray < 0.6 else 0.75)
    canvas.lay(alpha, albedo=color, nir=hair_nir(hair) * 0.95, gloss=0.12)
    canvas.relief = canvas.relief + np.float32(0.5) * alpha
    canvas.fine += 0.12 * alpha * field(rng, grid.x * 2.0, grid.y, wavelength=2.5)
    canvas.regions[alpha > 0.35] = REGIONS.index("brow")


def paint_beard(canvas: Canvas, identity: Identity, *, grid: FaceGrid, head: Head) -> None:
    """Lay stubble, moustache, goatee or full beard; men without a beard keep a faint bluish shadow."""
    if identity.female:
        return
    hair, shape = identity.hair, identity.shape
    x, y, ax = grid.x, grid.y, np.abs(grid.x)
    rng = generator(identity.seed, "beard")
    edge = fractal(rng, x, y, wavelength=9, octaves=3, gain=0.7)
    upper, _, lower = lip_curves(shape, x[:1])
    cheek_line = 12 + (66 - ax) * ((shape.mouth_y - 8 - 12) / 38.0)
    cheek_line = np.where(ax < 28, shape.mouth_y - 8, cheek_line)
    half = shape.mouth_width / 2
    jaw = step(y - cheek_line + 1.5 * edge, width=9) * step(shape.chin_y + 16 - y + 3 * edge, width=22)
    jaw = jaw * step(ax - half * 0.98 + step(y - lower - 4, width=3) * 60, width=5)
    tash = step(y - shape.nose_y - 3.2 - 0.06 * ax + 0.5 * edge, width=3) * step(upper - y + 0.8, width=2.0)
    tash = tash * step(half + 4 - ax + edge, width=5)
    soul = bump(x, y, at=(0, shape.mouth_y + shape.lip_lower + 6), size=(6, 5)) * 0.8
    corner = step(half + 10 - ax, width=7) * step(y - upper - 2, width=5)
    goatee = jaw * step(26 - ax + edge, width=8) + corner * jaw
    where = {
        "none": np.maximum(jaw * 0.9, tash),
        "stubble": np.maximum(jaw, tash),
        "moustache": tash,
        "goatee": np.clip(np.maximum(np.maximum(goatee, tash), soul), 0, 1),
        "full": np.maximum(np.maximum(jaw, tash), soul),
    }[hair.beard]
    lips = step(y - upper + 0.3, width=1.5) * step(lower - y + 0.5, width=1.5) * step(half - ax, width=3)
    where = where * (1 - lips) * step(head.skull + 14, width=8)
    grain = fractal(rng, x * 1.3, y * 0.65, wavelength=2.2, octaves=2, gain=0.9)
    opacity = {"none": 0.09, "stubble": 0.34, "moustache": 0.9, "goatee": 0.86, "full": 0.90}[hair.beard]
    opacity = opacity * (0.55 + 0.45 * hair.beard_density)
    alpha = np.clip(where * opacity * (1 + (0.5 if opacity < 0.5 else 0.16) * grain), 0, 0.96).astype(np.float32)
    color = hair_color(hair) * np.float32(0.75) * np.exp(0.35 * grain)[..., None]
    canvas.lay(alpha, albedo=color.astype(np.float32), nir=hair_nir(hair) * 1.05, gloss=0.14)
    if hair.beard in ("moustache", "goatee", "full"):
        length = {"moustache": 2.6, "goatee": 3.2, "full": 3.0 + 4.0 * hair.beard_density}[hair.beard]
        canvas.relief = canvas.relief + (where * length).astype(np.float32)
        canvas.fine += 0.35 * where * grain
        canvas.regions[alpha > 0.4] = REGIONS.index("beard")


def paint_glasses(canvas: Canvas, identity: Identity, *, grid: FaceGrid) -> None:
    """Set frame, bridge and temples in front of the eyes and make the lenses glossy."""
    eyes, shape = identity.eyes, identity.shape
    if eyes.glasses == "none":
        return
    y, ax = grid.y, np.abs(grid.x)
    power = {"round": 2.2, "rectangular": 4.5, "thin": 3.0}[eyes.glasses]
    wide, tall = eyes.lens_width / 2, eyes.lens_height / 2
    if eyes.glasses == "round":
        tall = wide = 0.5 * (wide + tall)
    if eyes.glasses == "thin":
        tall *= 0.78
    rim = {"round": 2.0, "rectangular": 3.6, "thin": 1.3}[eyes.glasses]
    center_x, center_y = max(shape.pupil_x + 1.5, wide + 6.5), 2.0
    radius = (np.abs((ax - center_x) / wide) ** power + np.abs((y - center_y) / tall) ** power) ** (1 / power)
    distance = (radius - 1) * min(wide, tall)
    frame = step(rim / 2 + 0.4 - np.abs(distance), width=1.3)
    gap = center_x - wide
    bridge = step(rim * 0.5 + 0.4 - np.abs(y - center_y + 5 - 0.03 * ax * ax), width=1.3) * step(
        gap + 1 - ax, width=1.5
    )
    side = step(rim * 0.5 + 0.5 - np.abs(y - center_y + 0.35 * tall), width=1.4) * step(ax - center_x - wide, width=1.5)
    side = side * step(half_width(shape, y) + 1 - ax, width=2)
    alpha = np.maximum(np.maximum(frame, bridge), side).astype(np.float32)
    # The frame follows the face's own curve: a plane in mid-air would smear over the temples of a turned head.
    plane = blur(canvas.relief, sigma=9.0 / grid.mm) + np.float32(5.0)
    lens = (step(-distance, width=1.0) * (1 - alpha)).astype(np.float32)
    metal = eyes.frame_color[0] > 0.2
    canvas.lay(alpha, albedo=np.array(eyes.frame_color, np.float32), nir=0.45 if metal else 0.12, gloss=0.75)
    front = np.maximum(frame, bridge)
    raised = np.maximum(canvas.relief, np.where(side > front, canvas.relief + 2.0, plane))
    canvas.relief = np.where(alpha > 0.3, raised, canvas.relief).astype(np.float32)
    canvas.albedo *= (1 - 0.05 * lens)[..., None]
    canvas.gloss = np.maximum(canvas.gloss, 0.65 * lens).astype(np.float32)
    canvas.over = np.maximum(canvas.over, alpha)
    canvas.regions[alpha > 0.5] = REGIONS.index("glasses")


def clothes_mask(head: Head, identity: Identity, *, grid: FaceGrid) -> Map:
    """Coverage of clothes: the shoulders below a collar whose cut belongs to the person."""
    rng = generator(identity.seed, "collar")
    drop, vee = rng.uniform(4, 20), rng.uniform(0, 0.5) * (rng.random() < 0.5)
    ax = np.abs(grid.x)
    collar = identity.shape.chin_y + 36 + drop - np.clip(ax - 20, 0, 45) ** 2 * 0.008 + vee * np.clip(40 - ax, 0, 40)
    inside = step(grid.y - collar, width=2.0) * np.maximum(head.body, head.neck)
    return np.asarray(np.maximum(inside, head.body * step(ax - identity.shape.neck * 1.35, width=6)), np.float32)
