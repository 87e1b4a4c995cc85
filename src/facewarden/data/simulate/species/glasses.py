"""Partial attack: the wearer's own face with glasses that carry the victim's printed eyes."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.view import F32, pixel_grid
from facewarden.data.simulate.species.cutout import paper_shell, warped
from facewarden.data.simulate.species.parts.paper import printed, sample_paper
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, photograph
from facewarden.data.simulate.species.parts.worn import both, ellipses, normals


def strip(head: PlacedHead, *, high: float) -> F32:
    """A band over both eyes, from temple to temple."""
    size = head.regions.shape[0]
    x, y = pixel_grid(size)
    middle = np.float32((size - 1) / 2)
    eyes = head.landmarks[1] - head.landmarks[0]
    unit = float(np.linalg.norm(eyes)) + 1e-6
    c, s = np.float32(eyes[0] / unit), np.float32(eyes[1] / unit)
    mid = (head.landmarks[0] + head.landmarks[1]) / 2
    px, py = x + middle - mid[0], y + middle - mid[1]
    u, v = px * c + py * s, -px * s + py * c
    inside = np.minimum(np.float32(1.06 * unit) - np.abs(u), np.float32(high * unit) - np.abs(v))
    bridge = np.float32(0.14 * unit) - np.hypot(u, v - np.float32(0.42 * unit))
    return np.asarray(np.clip(np.minimum(inside, -bridge) + 0.5, 0, 1), np.float32)


def partial_glasses(stage: SpeciesStage) -> StagedPresentation:
    """Paper glasses: a printed strip, or opaque lenses with printed eyes in a frame; the rest is the wearer's skin."""
    wearer, victim = both(stage)
    photo = photograph(stage.rng, stage.victim)
    paper = sample_paper(stage.rng)
    codes, across, down = warped(photo, victim)
    framed = bool(stage.rng.random() < 0.5)
    density = stage.view.pixels_per_mm(stage.distance)
    if framed:
        lens = ellipses(victim, (0, 1), size=(0.42, 0.33))
        rim = ellipses(victim, (0, 1), size=(0.48, 0.39))
        outline = np.maximum(rim, strip(victim, high=0.035))
    else:
        lens = outline = strip(victim, high=stage.pick(0.28, 0.4))
    color, nir = printed(stage, paper, codes, across=across, down=down, inked=np.ones_like(across))
    if framed:
        plastic = np.float32(stage.pick(0.02, 0.3))
        color = plastic + (color - plastic) * lens[..., None]
        nir = np.float32(0.3) + (nir - np.float32(0.3)) * lens
    depth = paper_shell(stage, wearer) + np.float32(stage.pick(4.0, 10.0))
    surface = Surface(
        color.astype(np.float32), nir.astype(np.float32), depth, normals(depth, pixels_per_mm=density),
        np.full_like(nir, paper.gloss), np.full_like(nir, 0.25 + 0.4 * paper.gloss), np.zeros_like(color), outline,
    )  # fmt: skip
    back = cast_shadow(wearer.surface, stage.background, toward_light=stage.light.direction, strength=0.25)
    behind = cast_shadow(surface, over(wearer.surface, back), toward_light=stage.light.direction, strength=0.35)
    return StagedPresentation(over(surface, behind), victim.landmarks, victim.box, stage.distance,
                        {"ink": paper.ink, "form": "framed" if framed else "strip"})  # fmt: skip
