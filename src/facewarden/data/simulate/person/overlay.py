"""Eyes and open mouth, painted per capture straight into the frame so that they stay sharp and can move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.data.simulate.person.curves import lid_coordinate, lid_curves, lip_curves
from facewarden.data.simulate.person.lattice import Map, Number, step
from facewarden.data.simulate.person.maps import REGIONS
from facewarden.data.simulate.person.noise import generator
from facewarden.data.simulate.person.person import Identity
from facewarden.data.simulate.person.pose import Expression


@dataclass
class Layers:
    """Frame layers that the overlays change in place; `x`, `y` are the face millimeters that each pixel shows."""

    x: Map
    y: Map
    albedo: Map
    nir: Map
    gloss: Map
    normal: Map
    over: Map
    regions: np.ndarray

    def view(self, rows: slice, cols: slice) -> Layers:
        """Cut a window that shares memory with these layers."""
        at = (rows, cols)
        return Layers(
            self.x[at], self.y[at], self.albedo[at], self.nir[at], self.gloss[at], self.normal[at], self.over[at],
            self.regions[at],
        )  # fmt: skip


def iris_texture(identity: Identity) -> Map:
    """Brightness of the iris over `(48, 96)` radius by angle: fibers that belong to the person."""
    rng = generator(identity.seed, "iris")
    fibers = rng.standard_normal(96)
    turns = np.minimum(np.arange(96), 96 - np.arange(96))
    fibers = np.real(np.fft.ifft(np.fft.fft(fibers) * np.exp(-((turns / 30) ** 2))))
    radius = np.linspace(0, 1, 48)[:, None]
    ring = 0.35 * np.exp(-0.5 * ((radius - rng.uniform(0.42, 0.55)) / 0.12) ** 2)
    sheet = 0.9 + 0.30 * fibers[None] * (0.4 + radius) + ring
    return np.asarray(sheet * (1 - 0.65 * np.clip((radius - 0.78) / 0.22, 0, 1)), np.float32)


def paint_eye(part: Layers, identity: Identity, *, iris: Map, expression: Expression, side: Number, mm: Number) -> None:
    """Paint sclera, iris, pupil, lid edges and lashes of one eye (`side` -1 for the image's left)."""
    shape, eyes = identity.shape, identity.eyes
    x = part.x * np.float32(side)
    u = lid_coordinate(shape, x)
    upper, lower = lid_curves(shape, u, openness=1 - expression.blink)
    upper = upper + np.float32(shape.epicanthus * 2.0) * np.exp(-0.5 * ((u + 0.95) / 0.3) ** 2)
    y = part.y
    soft = max(0.8, 0.9 * mm)
    inside = step(1.0 - np.abs(u), width=0.12)
    behind = 1 - part.over
    alpha = step(y - upper, width=soft) * step(lower - y, width=soft) * inside * behind
    dx = x - shape.pupil_x - np.float32(side * expression.gaze[0])
    dy = y - np.float32(expression.gaze[1])
    r = np.hypot(dx, dy)
    radius = eyes.iris_diameter / 2
    color, nir = _iris_color(identity, r=r / radius, angle=np.arctan2(dy, dx * side), sheet=iris)
    pupil = step(expression.pupil / 2 - r, width=0.7)[..., None]
    color = color * (1 - pupil) + pupil * np.float32(0.012)
    nir = nir * (1 - pupil[..., 0]) + pupil[..., 0] * 0.03
    white = step(r - radius, width=max(0.9, 0.7 * mm))
    corner = np.exp(-0.5 * ((u + 0.98) / 0.16) ** 2)[..., None]
    sclera = np.array([0.46, 0.415, 0.38], np.float32) * (1 - 0.35 * np.clip(np.abs(u) - 0.35, 0, 1))[..., None]
    sclera = sclera + corner * (np.array([0.42, 0.20, 0.17], np.float32) - sclera)
    color = color + white[..., None] * (sclera - color)
    nir = nir + white * (0.36 - nir)
    shadow = 1 - 0.62 * np.exp(-np.maximum(y - upper, 0) / 2.0)
    color, nir = color * shadow[..., None], nir * shadow
    _mix(part.albedo, color, alpha)
    _mix(part.nir, nir, alpha)
    _mix(part.gloss, np.float32(0.92), alpha)
    ball = np.stack([dx * side * 0.085, (y - 0.5) * 0.085, np.ones_like(dx)], -1)
    ball /= np.linalg.norm(ball, axis=-1, keepdims=True)
    _mix(part.normal, ball.astype(np.float32), alpha)
    part.regions[alpha > 0.5] = REGIONS.index("eye")
    _lid_edges(part, identity, u=u, upper=upper, lower=lower, behind=behind, mm=mm)


def _iris_color(identity: Identity, *, r: Map, angle: Map, sheet: Map) -> tuple[Map, Map]:
    row = np.clip(r * 47, 0, 47).astype(np.intp)
    col = ((angle / (2 * np.pi)) * 96).astype(np.intp) % 96
    tone = sheet[row, col]
    color = tone[..., None] * np.array(identity.eyes.iris, np.float32)
    return np.asarray(color, np.float32), np.asarray(tone * np.float32(identity.eyes.iris_nir), np.float32)


def _lid_edges(part: Layers, identity: Identity, *, u: Map, upper: Map, lower: Map, behind: Map, mm: Number) -> None:
    lashes = identity.eyes.lashes
    reach = step(1.08 - np.abs(u), width=0.25) * behind
    wide = max(0.75, 0.45 * mm)
    thick = wide + 0.55 * lashes * np.clip(0.6 + 0.5 * u, 0, 1)
    line = np.exp(-0.5 * ((part.y - upper + 0.4 * thick) / thick) ** 2) * reach * (0.55 + 0.40 * lashes)
    under = np.exp(-0.5 * ((part.y - lower - 0.3) / wide) ** 2) * reach * (0.16 + 0.20 * lashes)
    under = under * np.clip(0.7 + 0.4 * u, 0, 1)
    for alpha, floor in ((line, 0.015), (under, 0.03)):
        _mix(part.albedo, np.float32(floor), alpha)
        _mix(part.nir, np.float32(0.16), 0.75 * alpha)
        part.gloss *= 1 - alpha


def paint_mouth(part: Layers, identity: Identity, *, gap: Map, along: Map) -> None:
    """Paint the inside of an open mouth: dark, with the upper teeth, where `gap` (mm) lies open.

    Args:
        part: window of the frame around the mouth.
        identity: whose mouth.
        gap: millimeters between the lips at each pixel's column; 0 where the lips meet.
        along: millimeters below the upper edge of the opening.
    """
    inside = step(along, width=1.0) * step(gap - along, width=1.0) * step(gap - 0.6, width=1.0) * (1 - part.over)
    t = part.x / np.float32(identity.shape.mouth_width / 2)
    tooth = 0.86 + 0.14 * np.abs(np.cos(np.pi * part.x / 8.2)) ** 0.5
    teeth = step(6.5 - along, width=1.4) * np.clip(1.15 - 1.1 * t * t, 0, 1)
    rng = generator(identity.seed, "teeth")
    shade = np.array([0.66, 0.60, 0.49], np.float32) * np.float32(rng.uniform(0.75, 1.0))
    lit = (0.45 + 0.55 * step(along - 0.8, width=2.5)) * tooth
    color = np.array([0.075, 0.022, 0.018], np.float32) * (1 - teeth)[..., None] + shade * (teeth * lit)[..., None]
    _mix(part.albedo, color.astype(np.float32), inside)
    _mix(part.nir, np.asarray(0.10 + 0.42 * teeth * lit, np.float32), inside)
    _mix(part.gloss, np.asarray(0.1 + 0.5 * teeth, np.float32), inside)
    part.regions[inside > 0.5] = REGIONS.index("mouth")


def mouth_gap(identity: Identity, x: Map, *, drop: Number) -> tuple[Map, Map]:
    """Height (mm) of the opening over `x` when the jaw drops by `drop` mm, and the line where it starts."""
    _, middle, _ = lip_curves(identity.shape, x)
    t = np.clip(np.abs(x) / np.float32(0.47 * identity.shape.mouth_width), 0, 1)
    return np.asarray(drop * (1 - t**2.4), np.float32), middle


def _mix(layer: Map, value: Map | np.float32, alpha: Map) -> None:
    weight = alpha[..., None] if layer.ndim == 3 else alpha
    layer += weight * (value - layer)
