"""Procedural head hair: outline, hairline, strands that follow the flow, in color and at 850 nm."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.person.geometry import FaceGrid, Head
from facewarden.data.simulate.person.lattice import Map, Real, bump, profile, step
from facewarden.data.simulate.person.maps import REGIONS
from facewarden.data.simulate.person.noise import field, fractal, generator
from facewarden.data.simulate.person.person import Hair, Identity
from facewarden.data.simulate.person.skin import Canvas

LONG = ("long", "long_fringe")
"""Styles that fall beside the face onto the shoulders."""


def hair_color(hair: Hair) -> np.ndarray:
    """Linear RGB reflectance of a strand from eumelanin, pheomelanin and gray."""
    bare = np.array([0.50, 0.40, 0.26], np.float32)
    eumelanin = np.array([2.95, 3.30, 3.55], np.float32) * hair.eumelanin
    pheomelanin = np.array([0.10, 0.80, 1.60], np.float32) * hair.pheomelanin
    color = bare * np.exp(-eumelanin - pheomelanin)
    gray = np.array([0.40, 0.39, 0.38], np.float32)
    return np.asarray(color + 0.8 * hair.gray * (gray - color), np.float32)


def hair_nir(hair: Hair) -> float:
    """Reflectance of hair around 850 nm: melanin absorbs little there, so dark hair is brighter than in color."""
    return float(0.18 + 0.30 * (1 - hair.eumelanin) + 0.15 * hair.gray * hair.eumelanin)


def paint_hair(canvas: Canvas, identity: Identity, *, grid: FaceGrid, head: Head) -> None:
    """Lay head hair over the canvas and raise its relief; nothing for bald heads but a faint shadow."""
    hair = identity.hair
    rng = generator(identity.seed, "hair")
    edge = fractal(rng, grid.x, grid.y, wavelength=16, octaves=4, gain=0.75)
    strands, sheen = _strands(identity, rng, grid=grid, head=head)
    mask, thickness = _mask(identity, grid=grid, head=head, edge=edge, strands=strands)
    color = hair_color(hair) * (np.exp(0.34 * strands) * (0.75 + 0.4 * sheen))[..., None]
    nir = hair_nir(hair) * np.exp(0.22 * strands)
    opacity = {"bald": 0.10, "buzz": 0.72}.get(hair.style, 1.0)
    alpha = np.clip(mask * opacity, 0, 1)
    if hair.style in ("bald", "buzz"):
        alpha = np.clip(alpha * (1 + 0.22 * field(rng, grid.x, grid.y, wavelength=1.6)), 0, 0.95)
    canvas.lay(alpha.astype(np.float32), albedo=color, nir=np.clip(nir, 0.08, 0.65).astype(np.float32), gloss=0.30)
    canvas.relief = canvas.relief + mask * np.maximum(thickness - canvas.relief, 0)
    canvas.fine += (0.16 * opacity if hair.style != "curly" else 0.6) * strands * mask
    canvas.cover = np.maximum(canvas.cover, mask)
    canvas.over = np.maximum(canvas.over, alpha)
    if hair.style != "bald":
        canvas.regions[mask > 0.5] = REGIONS.index("hair")


def _window(hair: Hair, y: Map) -> Map:
    """Half-width (mm) of the bare face inside the hair at height `y`; 0 above the hairline."""
    top = hair.hairline
    bay = 10.0 * hair.recession
    return profile(
        y,
        [
            (top - 16 * hair.recession - 5, 0.0),
            (top - 1 - 0.5 * bay, 18.0 - bay),
            (top + 5, 40.0 + bay),
            (top + 15, 54.0 + 0.4 * bay),
            (top + 33, 60.0),
            (-20.0, 66.0),
            (-6.0, 68.0),
            (14.0, 69.5),
            (30.0, 82.0),
        ],
        smooth=3.0,
    )


def _mask(identity: Identity, *, grid: FaceGrid, head: Head, edge: Map, strands: Map) -> tuple[Map, Map]:
    hair, shape = identity.hair, identity.shape
    x, y, ax = grid.x, grid.y, np.abs(grid.x)
    style = hair.style
    cap = {"bald": 0.0, "buzz": 1.5, "short": 7.0, "side_part": 9.0, "fringe": 9.0, "curly": 16.0, "tied": 5.0}
    lift = cap.get(style, 9.0) * (0.6 + 0.9 * hair.volume)
    rough = {"curly": 3.0, "buzz": 0.3, "bald": 0.2, "tied": 0.6}.get(style, 1.2)
    upward = step(-20 - y, width=60)
    outer = head.skull + lift * (0.45 + 0.55 * upward) + rough * edge
    if style in LONG:
        edge = edge * np.float32(0.25 + 0.75 * hair.curl)
    window = ax - _window(hair, y) + 1.6 * edge
    ends = {"curly": 40.0, "tied": -4.0}.get(style, 14.0)
    inner = np.minimum(window, ends - y + 2.0 * edge) if style not in LONG else window
    if style in LONG:
        fall = shape.chin_y + 20 + 70 * hair.volume
        drape = profile(y, [(-70, 50), (-30, 59), (10, 62), (60, 58), (110, 54), (190, 58)], smooth=8)
        skirt = profile(
            y,
            [(-60, shape.cranium + 2), (0, shape.cranium + 13), (80, shape.cranium + 22), (190, shape.cranium + 24)],
            smooth=9,
        ) + 22 * (hair.volume - 0.4)
        side = np.minimum(np.minimum(ax - drape + 2.2 * edge, skirt - ax + 1.5 * edge), fall - y + 7 * edge)
        side = np.minimum(side, y + 62)
        inner = np.maximum(np.minimum(window, 5 - y), side)
        outer = np.maximum(outer, side)
    if style in ("fringe", "long_fringe"):
        low = -27 - 14 * (1 - hair.volume) + 0.012 * (x - 30 * hair.part) ** 2 * (0.5 - hair.volume)
        inner = np.maximum(inner, np.minimum(low - y + 2.6 * edge, 62 - ax))
    if style == "side_part":
        swoop = hair.hairline + 9 - 0.22 * np.sign(hair.part) * x + 1.5 * edge
        inner = np.maximum(inner, np.minimum(swoop - y, 50 - ax))
    if style == "bald":
        ring = 1 - bump(x, y, at=(0, shape.vertex + 10), size=(52, 44)) * 1.3
        inner = np.minimum(inner, 60 * (ring - 0.55))
    border = np.minimum(inner, outer)
    if style in ("buzz", "bald"):
        mask = step(inner, width=9) * step(outer, width=2)
    else:
        # Single strands make the border: dense locks reach farther over the skin than the gaps between them.
        mask = step(np.minimum(inner + 1.3 * strands - 0.5, outer + 0.8 * strands), width=5.5)
    shell = _shell(head, outer=outer, lift=lift * np.clip(border / 14, 0, 1))
    if style in LONG:
        shell = np.maximum(shell, (54 * np.sqrt(np.clip(side / 18, 0, 1)) - 0.08 * np.abs(y)) * (side > -2))
    return np.asarray(mask, np.float32), np.asarray(np.maximum(shell, 0), np.float32)


def _shell(head: Head, *, outer: Real, lift: Real) -> Map:
    """Height of a hair shell that stands `lift` mm off the skull and rounds off toward the outline of the hair."""
    inward = np.clip(outer / 46, 0, 1)
    rounded = 66 * np.sqrt(inward * (2 - inward))
    return np.asarray(np.maximum((head.relief + 0.7 * lift) * (head.skull > 0), rounded), np.float32)


def _strands(identity: Identity, rng: np.random.Generator, *, grid: FaceGrid, head: Head) -> tuple[Map, Map]:
    hair, shape = identity.hair, identity.shape
    x, y = grid.x, grid.y
    wave = fractal(rng, x, y, wavelength=34, octaves=2)
    if hair.style in ("curly", "buzz", "bald"):
        size = 4.0 + 5.0 * (1 - hair.curl) if hair.style == "curly" else 1.8
        curls = fractal(rng, x, y, wavelength=size, octaves=3, gain=0.7)
        return np.asarray(1.2 * curls, np.float32), np.asarray(0.5 + 0.2 * wave, np.float32)
    if hair.style in LONG:
        # Above the face strands fan out from the parting; beside it they hang, wavier with more curl.
        dx, dy = x - 30 * hair.part, y - shape.vertex - 4
        fan = np.arctan2(dx, np.maximum(dy, 0) + 26) * 70
        hang = step(y + 30, width=50)
        sway = 3.5 * hair.curl * np.sin(y / (9 + 16 * (1 - hair.curl)) + 1.5 * wave) * step(y, width=80)
        across, along = fan + hang * (x - fan) + sway + 0.8 * wave, np.hypot(dx, dy)
    else:
        # Strands fan out from a point above the frame of the head, so that no star shows on the crown.
        away, scale = {"fringe": (60.0, 125.0), "tied": (22.0, 85.0)}.get(hair.style, (14.0, 62.0))
        dx, dy = x - 42 * hair.part, (y - shape.vertex + away) * 1.15
        if hair.style in ("fringe", "tied"):
            dx = dx + 42 * hair.part
        across = np.arctan2(dx, dy + 1e-3) * scale + 1.0 * wave
        along = np.hypot(dx, dy)
    fine = fractal(rng, across * 1.0, along * 0.03, wavelength=1.8, octaves=2, gain=0.8)
    locks = fractal(rng, across, along * 0.05, wavelength=7, octaves=2)
    band = 0.5 + 0.5 * np.cos(2 * np.pi * (head.skull - 20 + 4 * locks) / 75)
    return np.asarray(0.7 * fine + 0.45 * locks, np.float32), np.asarray(band, np.float32)
