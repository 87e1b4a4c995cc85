"""Worn 3D masks: a rigid one of painted resin or plaster, and a flexible one of silicone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.surface import Surface, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.species.cutout import mouth_middle
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

_RIGID_NIR = {"resin": 0.42, "plaster": 0.8, "plastic": 0.62}


def mask_rigid(stage: SpeciesStage) -> StagedPresentation:
    """A printed or cast shell: the victim's relief slightly wrong, flat paint, gloss, an edge, the wearer's eyes."""
    wearer, victim = both(stage)
    rng, density = stage.rng, stage.view.pixels_per_mm(stage.distance)
    material = str(rng.choice(list(_RIGID_NIR)))
    outline = oval(victim, width=stage.pick(1.0, 1.1), height=stage.pick(1.0, 1.08))
    outline = np.minimum(outline, victim.surface.coverage)
    relief = inward(victim, outline, victim.surface.depth, stage.pick(1.2, 2.6) * density)
    middle = float(np.median(relief[outline > 0.5]))
    warp = smooth_noise(rng, stage.view.size, cells=3) * np.float32(stage.pick(0.4, 1.2))
    depth = middle + (relief - middle) * np.float32(stage.pick(0.82, 1.0)) + warp - np.float32(stage.pick(2.0, 6.0))
    painted = inward(victim, outline, victim.surface.albedo, stage.pick(0.7, 1.8) * density)
    mean = painted[outline > 0.5].mean(0)
    painted = mean + (painted - mean) * np.float32(stage.pick(0.6, 0.9))
    tint = rng.uniform(0.85, 1.15, 3).astype(np.float32)
    nir = np.float32(_RIGID_NIR[material] * stage.pick(0.9, 1.1)) * (0.9 + 0.2 * (painted.mean(2) / mean.mean() - 1))
    gloss = stage.pick(0.5, 0.95) if material != "plaster" else stage.pick(0.05, 0.25)
    holes = ellipses(victim, (0, 1), size=(stage.pick(0.2, 0.27), stage.pick(0.09, 0.13)))
    surface = Surface(
        np.clip(painted * tint, 0, 1), np.clip(nir, 0, 0.95), depth, normals(depth, pixels_per_mm=density),
        np.full_like(nir, gloss), np.full_like(nir, 0.12 + 0.25 * gloss), np.zeros_like(painted), outline * (1 - holes),
    )  # fmt: skip
    behind = over(sink(wearer.surface, holes, stage.pick(2.0, 6.0)), shadowed(stage, wearer))
    behind = under(behind, surface, strength=0.5)
    return StagedPresentation(
        over(surface, behind), victim.landmarks, victim.box, stage.distance, {"material": material}
    )


def mask_silicone(stage: SpeciesStage) -> StagedPresentation:
    """A flexible mask: it follows the wearer's bones, is waxy and even, and gapes at the eyes and the mouth."""
    wearer, victim = both(stage)
    rng, density = stage.rng, stage.view.pixels_per_mm(stage.distance)
    outline = oval(victim, width=stage.pick(1.04, 1.14), height=stage.pick(1.06, 1.18), soft=3.0)
    outline = np.minimum(outline, victim.surface.coverage)
    full = bool(rng.random() < 0.5)
    if full:
        throat = region(victim.regions, "neck")
        outline = np.maximum(outline, throat * victim.surface.coverage)
    sigma = stage.pick(0.9, 2.0) * density
    own = inward(wearer, outline, wearer.surface.depth, sigma * 2)
    other = inward(victim, outline, victim.surface.depth, sigma)
    depth = other + (own - other) * np.float32(stage.pick(0.25, 0.5)) - np.float32(stage.pick(2.0, 4.0))
    depth += smooth_noise(rng, stage.view.size, cells=7) * np.float32(stage.pick(0.2, 0.6))
    skin = inward(victim, outline, victim.surface.albedo, stage.pick(0.5, 1.2) * density)
    mean = skin[outline > 0.5].mean(0)
    skin = mean + (skin - mean) * np.float32(stage.pick(0.55, 0.8))
    mottle = 1 + np.float32(0.03) * smooth_noise(rng, stage.view.size, cells=stage.view.size // 9)
    # Water darkens real skin toward 940 nm; silicone has no water and stays bright there.
    reflectance = stage.pick(0.5, 0.62) if stage.wavelength < 900 else stage.pick(0.62, 0.74)
    nir = np.float32(reflectance) * (0.88 + 0.12 * skin.mean(2) / mean.mean())
    eyes = eye_holes(victim, pixels=0.9 * density)
    lips = mouth_middle(victim.landmarks)
    mouth = ellipses(replace(victim, landmarks=lips), (2,), size=(stage.pick(0.2, 0.32), stage.pick(0.02, 0.05)))
    gaps = np.maximum(eyes, mouth)
    gloss = stage.pick(0.35, 0.65)
    surface = Surface(
        np.clip(skin * mottle[..., None], 0, 1), nir.astype(np.float32), depth, normals(depth, pixels_per_mm=density),
        np.full_like(nir, gloss), np.full_like(nir, stage.pick(0.02, 0.12)), np.zeros_like(skin), outline * (1 - gaps),
    )  # fmt: skip
    behind = over(sink(wearer.surface, gaps, stage.pick(1.5, 4.0)), shadowed(stage, wearer))
    behind = under(behind, surface, strength=0.3)
    return StagedPresentation(over(surface, behind), victim.landmarks, victim.box, stage.distance,
                        {"material": "silicone", "full_head": full})  # fmt: skip
