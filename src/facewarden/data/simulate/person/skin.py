"""Procedural skin: melanin and hemoglobin absorption, blotches, pores, moles, wrinkles, lips, and what 850 nm sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facewarden.data.simulate.person.curves import lid_coordinate, lid_curves, lip_curves
from facewarden.data.simulate.person.geometry import FaceGrid, Head
from facewarden.data.simulate.person.lattice import Map, Number, Real, bump, step
from facewarden.data.simulate.person.noise import field, fractal, generator
from facewarden.data.simulate.person.person import Identity

BARE = np.array([0.78, 0.60, 0.50], np.float32)
"""Linear RGB reflectance of dermis without pigment; with the two below, fitted by eye to published skin charts."""

MELANIN = np.array([2.00, 2.45, 2.80], np.float32)
"""Absorbance per unit of melanin in red, green and blue: rises toward short waves (Jacques, 2013)."""

HEMOGLOBIN = np.array([0.12, 0.58, 0.46], np.float32)
"""Absorbance per unit of hemoglobin: strongest in green, nearly none in red."""

CAROTENE = np.array([0.00, 0.05, 0.28], np.float32)
"""Absorbance per unit of carotenoids: blue only, which makes skin yellower."""


@dataclass
class Canvas:
    """Layers that the painters work on in turn; all `(n, n)` or `(n, n, 3)` float32 over one grid.

    Attributes:
        albedo: linear RGB reflectance.
        nir: reflectance at 850 nm.
        gloss: strength of the specular lobe.
        relief: millimeters toward the camera.
        fine: extra relief in millimeters that only bends normals (pores, wrinkles, strands).
        cover: silhouette.
        over: what lies in front of eyes and mouth (hair, frames).
        regions: indices into `REGIONS`.
    """

    albedo: Map
    nir: Map
    gloss: Map
    relief: Map
    fine: Map
    cover: Map
    over: Map
    regions: np.ndarray

    def lay(self, alpha: Real, *, albedo: Real, nir: Real | Number, gloss: Real | Number) -> None:
        """Put a layer with opacity `alpha` over what is there."""
        a = alpha[..., None]
        self.albedo += a * (albedo - self.albedo)
        self.nir += alpha * (np.float32(nir) - self.nir)
        self.gloss += alpha * (np.float32(gloss) - self.gloss)


def skin_reflectance(melanin: Map, *, hemoglobin: Map, carotene: Number) -> Map:
    """Linear RGB reflectance of skin by Beer-Lambert absorption of three pigments over bare dermis."""
    absorb = melanin[..., None] * MELANIN + hemoglobin[..., None] * HEMOGLOBIN + carotene * CAROTENE
    return np.asarray(BARE * np.exp(-absorb), np.float32)


def skin_nir(melanin: Map | Number, *, hemoglobin: Map | Number) -> Map:
    """Reflectance of skin around 850 nm, where both pigments almost vanish (0.55 to 0.75)."""
    return np.asarray(0.70 - 0.075 * np.asarray(melanin) - 0.04 * (np.asarray(hemoglobin) - 0.4), np.float32)


def paint_skin(canvas: Canvas, identity: Identity, *, grid: FaceGrid, head: Head) -> None:
    """Paint skin, lips and nostrils over the whole canvas and add their fine relief."""
    skin, shape = identity.skin, identity.shape
    x, y, ax = grid.x, grid.y, np.abs(grid.x)
    rng = generator(identity.seed, "skin")
    blood = _blood(identity, x=x, y=y, ax=ax)
    broad = fractal(rng, x, y, wavelength=60, octaves=3)
    patch = fractal(rng, x, y, wavelength=13, octaves=4, gain=0.7)
    grain = fractal(rng, x, y, wavelength=2.6, octaves=2, gain=0.8)
    hemoglobin = skin.hemoglobin * (1 + blood) + skin.blotches * (0.06 * broad + 0.075 * patch) + 0.03 * grain
    melanin = skin.melanin * (1 + 0.04 * broad + 0.02 * patch) + 0.010 * grain + 0.008 * skin.blotches * patch
    melanin = melanin + _shade_around_eyes(identity, ax=ax, y=y)
    spots = _spots(identity, grid=grid)
    melanin = np.maximum(melanin + spots, 0)
    hemoglobin = np.clip(hemoglobin, 0, 2.2)
    canvas.albedo[...] = skin_reflectance(
        melanin.astype(np.float32), hemoglobin=hemoglobin.astype(np.float32), carotene=skin.carotene
    )
    base = generator(identity.seed, "nir").normal(0, 0.012)
    smooth = skin_nir(skin.melanin, hemoglobin=hemoglobin) + base + 0.006 * broad - 0.02 * np.minimum(spots, 1)
    canvas.nir[...] = np.clip(smooth - 0.03 * (head.neck * (1 - step(head.skull, width=2))), 0.55, 0.75)
    oily = 0.25 * bump(x, y, at=(0, -45), size=(30, 16)) + 0.45 * bump(x, y, at=(0, shape.nose_y - 10), size=(9, 16))
    oily += 0.2 * bump(ax, y, at=(42, 20), size=(12, 9)) + 0.15 * bump(x, y, at=(0, shape.chin_y - 12), size=(12, 8))
    canvas.gloss[...] = np.clip(skin.gloss * (0.75 + oily) * (1 + 0.08 * patch), 0.03, 0.9)
    canvas.fine += 0.05 * grain + _wrinkles(identity, x=x, y=y, ax=ax)
    _lips(canvas, identity, x=x, y=y, patch=grain)
    dark = np.clip(head.nostrils * 1.05, 0, 0.85)
    canvas.albedo *= (1 - dark)[..., None]
    canvas.nir *= 1 - 0.7 * dark
    canvas.gloss *= 1 - dark


def _blood(identity: Identity, *, x: Map, y: Map, ax: Map) -> Map:
    shape = identity.shape
    out = 0.42 * bump(ax, y, at=(40, 27), size=(16, 14)) + 0.40 * bump(x, y, at=(0, shape.nose_y - 9), size=(11, 11))
    out += 0.28 * bump(x, y, at=(0, shape.chin_y - 13), size=(14, 9)) + 0.5 * bump(ax, y, at=(74, 15), size=(8, 30))
    out += 0.25 * bump(ax, y, at=(identity.shape.pupil_x, -5), size=(13, 5))
    out -= 0.22 * bump(x, y, at=(0, -45), size=(42, 18)) + 0.15 * step(y - shape.chin_y, width=20)
    return np.asarray(out, np.float32)


def _shade_around_eyes(identity: Identity, *, ax: Map, y: Map) -> Map:
    shape, skin = identity.shape, identity.skin
    px = shape.pupil_x
    under = bump(ax, y, at=(px - 4, 12.0), size=(11, 4.0)) * (0.13 * skin.under_eye)
    inner = bump(ax, y, at=(px - 15, 3.0), size=(5, 6)) * (0.05 + 0.06 * skin.under_eye)
    lid = bump(ax, y, at=(px, -5.5), size=(13, 4.0)) * (0.05 + 0.05 * skin.melanin)
    u = lid_coordinate(shape, ax[:1])
    upper, lower = lid_curves(shape, u)
    weight = step(1.2 - np.abs(u), width=0.5)
    crease = np.exp(-0.5 * ((y - upper + shape.lid_crease + 0.6) / 0.75) ** 2) * weight
    crease = crease * min(0.3, 0.09 * shape.lid_crease)
    rim = np.exp(-0.5 * ((y - lower - 0.6) / 0.7) ** 2) * weight * 0.08
    return np.asarray(under + inner + lid + crease + rim, np.float32)


def _spots(identity: Identity, *, grid: FaceGrid) -> Map:
    skin = identity.skin
    rng = generator(identity.seed, "spots")
    out = np.zeros_like(grid.x)
    for _ in range(skin.moles):
        at = np.array([rng.uniform(-62, 62), rng.uniform(-60, 105)], np.float32)
        radius, strength = rng.uniform(0.6, 1.7), rng.uniform(0.1, 0.8)
        cx, cy = grid.pixel(at.copy())
        reach = int(4 * radius / grid.mm) + 2
        x0, y0 = max(int(cx) - reach, 0), max(int(cy) - reach, 0)
        view = np.s_[y0 : int(cy) + reach + 1, x0 : int(cx) + reach + 1]
        r2 = ((grid.x[view] - at[0]) ** 2 + (grid.y[view] - at[1]) ** 2) / np.float32(radius**2)
        out[view] += np.float32(strength) * np.exp(-(r2**1.5))
    if skin.freckles > 0:
        dots = fractal(rng, grid.x, grid.y, wavelength=4.2, octaves=2, gain=0.8)
        where = bump(np.abs(grid.x), grid.y, at=(26, 18), size=(26, 17)) + 0.4 * bump(
            grid.x, grid.y, at=(0, -45), size=(35, 18)
        )
        out += 0.2 * skin.freckles * where * step(dots - 0.75, width=1.0)
    if skin.age > 50:
        blots = field(rng, grid.x, grid.y, wavelength=11)
        out += 0.12 * (skin.age - 50) / 30 * step(blots - 1.6, width=0.8)
    return np.asarray(out, np.float32)


def _wrinkles(identity: Identity, *, x: Map, y: Map, ax: Map) -> Map:
    skin, shape = identity.skin, identity.shape
    rng = generator(identity.seed, "wrinkles")
    strength = max(skin.wrinkles, 0.04)
    wave = fractal(rng, x * 0.4, y, wavelength=30, octaves=2)
    phase = rng.uniform(0, 6.28)
    lines = np.cos(2 * np.pi * (y + 2.2 * wave + 0.0022 * x * x) / rng.uniform(9, 13) + phase)
    out = -0.34 * np.maximum(lines, 0) ** 5 * bump(x, y, at=(0, -47), size=(30, 12)) * (0.6 + 0.4 * wave)
    frown = np.exp(-0.5 * ((ax - 6.0 - 0.1 * (y + 18)) / 1.1) ** 2) * bump(x, y, at=(0, -20), size=(20, 8))
    out -= 0.5 * frown * rng.uniform(0.3, 1)
    dx, dy = ax - shape.pupil_x - 15, y + 1
    feet = np.maximum(np.cos(11 * np.arctan2(dy, np.maximum(dx, 0.3)) + rng.uniform(0, 6)), 0) ** 3
    out -= 0.42 * feet * bump(ax, y, at=(shape.pupil_x + 23, 2), size=(6, 8))
    under = np.cos(2 * np.pi * (y + 0.01 * (ax - shape.pupil_x) ** 2) / 3.6) * bump(
        ax, y, at=(shape.pupil_x, 11), size=(10, 4)
    )
    out += 0.18 * under
    return np.asarray(1.7 * strength * out, np.float32)


def _lips(canvas: Canvas, identity: Identity, *, x: Map, y: Map, patch: Map) -> None:
    skin, shape = identity.skin, identity.shape
    upper, middle, lower = lip_curves(shape, x[:1])
    edge = 1.6
    inside = step(shape.mouth_width / 2 - np.abs(x) + 0.5, width=3)
    alpha = step(y - upper, width=edge) * step(lower - y, width=2.0) * inside
    melanin = np.full_like(x, 0.10 + 0.70 * skin.melanin)
    color = skin_reflectance(
        melanin, hemoglobin=np.full_like(x, 0.85 + 1.25 * skin.lip_red), carotene=0.2
    ) * np.float32(0.92 - 0.06 * (1 - skin.melanin))
    folds = np.cos(x * np.float32(2.9) + 3 * patch)
    color = color * (1 + 0.04 * folds[..., None]) * np.where(y < middle, 0.84, 1.0)[..., None]
    canvas.lay(0.88 * alpha, albedo=color.astype(np.float32), nir=canvas.nir - 0.035, gloss=min(0.75, skin.gloss + 0.2))
    line = np.exp(-0.5 * ((y - middle) / 0.85) ** 2) * step(shape.mouth_width / 2 + 1 - np.abs(x), width=5)
    canvas.albedo *= (1 - 0.66 * line)[..., None]
    canvas.nir *= 1 - 0.35 * line
    canvas.fine += 0.07 * folds * alpha
    canvas.regions[alpha > 0.5] = 5


def occlusion(relief: Map, *, mm: Number) -> Map:
    """Share of the sky that each point of a height field sees, from how far it lies below its surroundings."""
    shade = np.ones_like(relief)
    small = cv2.resize(relief, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for sigma, weight in ((2.5, 0.075), (7.0, 0.030), (18.0, 0.010)):
        around = cv2.GaussianBlur(small, (0, 0), sigma / (2 * mm))
        below = cv2.resize(around, relief.shape[::-1], interpolation=cv2.INTER_LINEAR) - relief
        shade *= np.exp(-weight * np.maximum(below, 0) / 1.0)
    return np.asarray(np.clip(shade, 0.25, 1), np.float32)
