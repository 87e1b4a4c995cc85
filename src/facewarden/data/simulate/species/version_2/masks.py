"""Worn 3D masks (version 2): painted hard shell, silicone, and a transparent tinted one over the attacker's own face.

Read: PETG and acrylic pass the near infrared; silicone and paints hold no water, which darkens skin toward 940 nm.
Guessed: how near the paint of a careful maker comes to skin in infrared, and what share of a range sensor's light a
clear shell sends back itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, SecondReturn, Surface, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.cutout import mouth_middle
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.grade import Grade, grade_of
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, region
from facewarden.data.simulate.species.parts.worn import (
    both,
    ellipses,
    eye_holes,
    inward,
    normals,
    oval,
    shadowed,
    sink,
    under,
)

_HARD_NIR = {"resin": 0.42, "plaster": 0.8, "plastic": 0.62}


def mask_rigid(stage: SpeciesStage) -> StagedPresentation:
    """A printed or cast shell: the victim's relief with errors, paint, gloss, an edge, the wearer's eyes."""
    wearer, victim = both(stage)
    grade, density = grade_of(stage), stage.view.pixels_per_mm(stage.distance)
    material = str(stage.maker.choice(list(_HARD_NIR)))
    outline = oval(victim, width=stage.pick(1.0, 1.1), height=stage.pick(1.0, 1.08))
    outline = np.minimum(outline, victim.surface.coverage)
    depth = _shell(stage, victim, outline, grade, density=density)
    painted = _paint(stage, victim, outline, grade, density=density)
    nir = _infrared(stage, victim, outline, grade, base=_HARD_NIR[material] * stage.made(0.9, 1.1), density=density)
    gloss = {"low": stage.made(0.5, 0.95), "medium": stage.made(0.3, 0.6), "high": stage.made(0.15, 0.4)}[stage.quality]
    if material == "plaster":
        gloss *= 0.3
    opening = 1 + 0.25 * (1 - grade.infrared[1])
    holes = ellipses(victim, (0, 1), size=(opening * stage.pick(0.2, 0.24), opening * stage.pick(0.08, 0.11)))
    surface = Surface(
        painted, nir, depth, normals(depth, pixels_per_mm=density), np.full_like(nir, gloss),
        np.full_like(nir, 0.12 + 0.25 * gloss), np.zeros_like(painted), outline * (1 - holes),
    )  # fmt: skip
    return _worn(stage, wearer, victim, surface, holes, strength=0.5, attributes={"material": material})


def mask_silicone(stage: SpeciesStage) -> StagedPresentation:
    """A flexible mask: it follows the wearer's bones, is waxy and even, and gapes at the eyes and the mouth."""
    wearer, victim = both(stage)
    grade, density = grade_of(stage), stage.view.pixels_per_mm(stage.distance)
    outline = oval(victim, width=stage.pick(1.04, 1.14), height=stage.pick(1.06, 1.18), soft=3.0)
    outline = np.minimum(outline, victim.surface.coverage)
    full = bool(stage.maker.random() < 0.5)
    if full:
        outline = np.maximum(outline, region(victim.regions, "neck") * victim.surface.coverage)
    other = _shell(stage, victim, outline, grade, density=density)
    own = inward(wearer, outline, wearer.surface.depth, 2 * stage.pick(*grade.relief_blur) * density)
    depth = other + (own - other) * np.float32(stage.pick(0.25, 0.5)) - np.float32(stage.pick(0.5, 2.0))
    painted = _paint(stage, victim, outline, grade, density=density)
    base = stage.made(0.5, 0.62) if stage.wavelength < 900 else stage.made(0.62, 0.74)
    nir = _infrared(stage, victim, outline, grade, base=base, density=density)
    lips = replace(victim, landmarks=mouth_middle(victim.landmarks))
    wide = {"low": 1.2, "medium": 1.0, "high": 0.6}[stage.quality]
    mouth = ellipses(lips, (2,), size=(stage.pick(0.2, 0.3), wide * stage.pick(0.02, 0.05)))
    gaps = np.maximum(eye_holes(victim, pixels=0.9 * wide * density), mouth)
    gloss = {"low": stage.made(0.45, 0.7), "medium": stage.made(0.35, 0.55), "high": stage.made(0.25, 0.4)}[
        stage.quality
    ]
    surface = Surface(
        painted, nir, np.asarray(depth, np.float32), normals(np.asarray(depth, np.float32), pixels_per_mm=density),
        np.full_like(nir, gloss), np.full_like(nir, stage.pick(0.02, 0.1)), np.zeros_like(painted),
        outline * (1 - gaps),
    )  # fmt: skip
    return _worn(stage, wearer, victim, surface, gaps, strength=0.3,
                 attributes={"material": "silicone", "full_head": full})  # fmt: skip


def mask_transparent(stage: SpeciesStage) -> StagedPresentation:
    """A clear tinted shell with the victim's features printed inside: skin shows through, in all three sensors."""
    wearer, victim = both(stage)
    grade, density = grade_of(stage), stage.view.pixels_per_mm(stage.distance)
    outline = oval(victim, width=stage.pick(1.0, 1.1), height=stage.pick(1.0, 1.1))
    outline = np.minimum(outline, np.minimum(victim.surface.coverage, wearer.surface.coverage))
    depth = _shell(stage, victim, outline, grade, density=density) - np.float32(stage.pick(1.0, 4.0))
    tint = np.clip(1 - stage.made(0.02, 0.22) * stage.maker.dirichlet([1.0, 1.0, 1.0]) * 3, 0.3, 1).astype(np.float32)
    painted = _paint(stage, victim, outline, grade, density=density)
    ink = np.float32({"low": stage.made(0.0, 0.25), "medium": stage.made(0.2, 0.5), "high": stage.made(0.45, 0.75)}[
        stage.quality])  # fmt: skip
    through = wearer.surface.albedo * tint**2
    veil = np.float32(stage.pick(0.005, 0.03))
    color = through + (painted - through) * ink + veil
    # Inks of dye pass the near infrared as the shell does; a part is lost at four surfaces.
    nir = wearer.surface.nir * np.float32(stage.made(0.78, 0.9)) + np.float32(0.02)
    gloss = {"low": stage.made(0.8, 1.0), "medium": stage.made(0.55, 0.85), "high": stage.made(0.3, 0.6)}[stage.quality]
    holes = np.zeros_like(outline)
    if stage.rng.random() < 0.5:
        holes = ellipses(victim, (0, 1), size=(stage.pick(0.2, 0.27), stage.pick(0.09, 0.13)))
    share = stage.pick(0.7, 0.95) * (1 - 0.3 * gloss)
    second = SecondReturn(wearer.surface.depth + np.float32(2.0), np.full_like(nir, share))
    surface = Surface(
        np.clip(color, 0, 1).astype(np.float32), np.asarray(nir, np.float32), depth,
        normals(depth, pixels_per_mm=density), np.full_like(nir, gloss), np.full_like(nir, 0.2 + 0.45 * gloss),
        np.zeros_like(color), outline * (1 - holes), second,
    )  # fmt: skip
    return _worn(stage, wearer, victim, surface, holes, strength=0.15, attributes={"material": "clear", "tint": True})


def _shell(stage: SpeciesStage, victim: PlacedHead, outline: F32, grade: Grade, *, density: float) -> F32:
    """Depth of a shell of the victim's face: detail lost, height wrong, warped, a gap before the wearer (mm)."""
    relief = inward(victim, outline, victim.surface.depth, 0.7 * stage.made(*grade.relief_blur) * density)
    middle = float(np.median(relief[outline > 0.5]))
    warp = smooth_noise(stage.rng, stage.view.size, cells=3) * np.float32(stage.pick(0.1, 0.25 * grade.edge[1]))
    scale = np.float32(stage.made(*grade.relief_scale))
    return np.asarray(middle + (relief - middle) * scale + warp - np.float32(stage.pick(*grade.edge)), np.float32)


def _paint(stage: SpeciesStage, victim: PlacedHead, outline: F32, grade: Grade, *, density: float) -> F32:
    """The victim's skin as paint: part of its texture, and the wrong tint."""
    skin = inward(victim, outline, victim.surface.albedo, stage.made(0.3, 1.2) * (1.6 - grade.texture[1]) * density)
    mean = skin[outline > 0.5].mean(0)
    mottle = 1 + np.float32(0.03) * smooth_noise(stage.rng, stage.view.size, cells=stage.view.size // 9)
    skin = (mean + (skin - mean) * np.float32(stage.made(*grade.texture))) * mottle[..., None]
    error = 0.16 * (1.15 - grade.infrared[1])
    tint = stage.maker.uniform(1 - error, 1 + error, 3).astype(np.float32)
    return np.asarray(np.clip(skin * tint, 0, 1), np.float32)


def _infrared(
    stage: SpeciesStage, victim: PlacedHead, outline: F32, grade: Grade, *, base: float, density: float
) -> F32:
    """Reflectance between the bare material's and the victim's, brows and lips included."""
    own = inward(victim, outline, victim.surface.nir, 0.8 * density)
    alike = np.float32(stage.made(*grade.infrared))
    level = 1 + np.float32(0.03) * smooth_noise(stage.rng, stage.view.size, cells=8)
    return np.asarray(np.clip((base + (own - np.float32(base)) * alike) * level, 0.02, 0.95), np.float32)


def _worn(
    stage: SpeciesStage, wearer: PlacedHead, victim: PlacedHead, surface: Surface, holes: F32, *, strength: float,
    attributes: dict[str, str | int | float | bool],
) -> StagedPresentation:  # fmt: skip
    deep = {"low": 5.0, "medium": 3.5, "high": 2.0}[stage.quality]
    surface = finished(stage, surface, worn=True)
    behind = over(sink(wearer.surface, holes, stage.pick(0.4 * deep, deep)), shadowed(stage, wearer))
    behind = under(behind, surface, strength=strength)
    return StagedPresentation(over(surface, behind), victim.landmarks, victim.box, stage.distance, attributes)
