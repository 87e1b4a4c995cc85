"""Partial instruments (version 2): paper glasses, printed eyes under real glasses, make-up of another person.

ISO/IEC 30107-1 counts non-permanent make-up among the partial artificial instruments, so it is one here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.filters import moved
from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.cutout import paper_shell, warped
from facewarden.data.simulate.species.glasses import strip
from facewarden.data.simulate.species.parts.eyewear import spectacles
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.inks import ink_on, photograph_both, sample_print
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, region, skin_of
from facewarden.data.simulate.species.parts.worn import both, ellipses, normals, oval, shadowed, soft

_LEVEL = 3.0
"""How much farther than a whole face a small instrument's infrared level is from skin (version 3, guessed)."""


def partial_glasses(stage: SpeciesStage) -> StagedPresentation:
    """Paper glasses: a printed strip, or opaque lenses with printed eyes in a frame; the rest is the wearer's skin."""
    wearer, victim = both(stage)
    framed = bool(stage.maker.random() < 0.5)
    if framed:
        lens = ellipses(victim, (0, 1), size=(0.42, 0.33))
        outline = np.maximum(ellipses(victim, (0, 1), size=(0.48, 0.39)), strip(victim, high=0.035))
    else:
        lens = outline = strip(victim, high=stage.pick(0.26, 0.38))
    color, nir, gloss, ink = _printed(stage, victim)
    if framed:
        plastic = np.float32(stage.pick(0.02, 0.3))
        color = plastic + (color - plastic) * lens[..., None]
        nir = np.float32(0.3) + (nir - np.float32(0.3)) * lens
    density = stage.view.pixels_per_mm(stage.distance)
    near = {"low": stage.pick(6, 11), "medium": stage.pick(3, 7), "high": stage.pick(0.5, 3)}[stage.quality]
    depth = paper_shell(stage, wearer) + np.float32(10 - near)
    surface = Surface(
        np.asarray(color, np.float32), np.asarray(nir, np.float32), depth, normals(depth, pixels_per_mm=density),
        np.full_like(nir, gloss), np.full_like(nir, 0.25 + 0.4 * gloss), np.zeros_like(color), outline,
    )  # fmt: skip
    surface = finished(stage, surface, worn=True, level=_LEVEL)
    behind = over(wearer.surface, shadowed(stage, wearer))
    behind = cast_shadow(surface, behind, toward_light=stage.light.direction, strength=0.35)
    return StagedPresentation(over(surface, behind), victim.landmarks, victim.box, stage.distance,
                              {"ink": ink, "form": "framed" if framed else "strip"})  # fmt: skip


def partial_eyes(stage: SpeciesStage) -> StagedPresentation:
    """The victim's printed eyes and brows on the wearer's lids, behind real glasses that hide their edges."""
    wearer, victim = both(stage)
    color, nir, gloss, ink = _printed(stage, victim)
    density = stage.view.pixels_per_mm(stage.distance)
    size = {"low": (0.44, 0.36), "medium": (0.4, 0.3), "high": (0.36, 0.24)}[stage.quality]
    outline = soft(ellipses(victim, (0, 1), size=size), 0.5)
    depth = soft(wearer.surface.depth, 5 * density) - np.float32(stage.pick(0.5, 3.0))
    surface = Surface(
        color, nir, depth, normals(depth, pixels_per_mm=density), np.full_like(nir, gloss),
        np.full_like(nir, 0.25 + 0.4 * gloss), np.zeros_like(color), outline,
    )  # fmt: skip
    scene = over(finished(stage, surface, worn=True, level=_LEVEL), over(wearer.surface, shadowed(stage, wearer)))
    return StagedPresentation(
        put_on(stage, scene, wearer, landmarks=victim.landmarks), victim.landmarks, victim.box, stage.distance,
        {"ink": ink, "form": "under glasses"},
    )  # fmt: skip


def partial_makeup(stage: SpeciesStage) -> StagedPresentation:
    """The wearer made up as the victim: his tone, brows, lips and painted shadows on another person's bones.

    Read: foundation is pigment in powder, which takes gloss away; iron oxides and organic dyes of cosmetics are weak
    in the near infrared, so that there the wearer's own face stays. Guessed: how far each hand gets.
    """
    wearer, victim = both(stage)
    density = stage.view.pixels_per_mm(stage.distance)
    cover = {"low": stage.pick(0.3, 0.5), "medium": stage.pick(0.45, 0.7), "high": stage.pick(0.6, 0.88)}[stage.quality]
    where = soft(oval(wearer, width=0.98, height=0.98), 1.5 * density) * wearer.surface.coverage
    where *= 1 - soft(region(wearer.regions, "eye", "hair", "clothes", "none", "glasses"), 0.6 * density)
    shift = grade_of(stage).shift
    dx, dy = (stage.pick(-1, 1) * stage.pick(*shift) * 0.4 * density for _ in range(2))
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    other = moved(soft(victim.surface.albedo, stage.pick(0.5, 1.4) * density), move, extend=True)
    tone, _ = skin_of(stage.victim)
    hollow = _hollows(victim, density=density) - _hollows(wearer, density=density)
    shadow = np.exp(-np.float32(0.02 * stage.pick(0.5, 1.5)) * np.clip(hollow, -12, 12))[..., None]
    # Hair and whatever hangs into the victim's face is not painted on skin.
    hanging = moved(region(victim.regions, "hair", "glasses", "clothes", "none"), move, extend=True)
    hidden = soft(hanging, 0.8 * density)[..., None]
    target = (other + (tone - other) * hidden) * shadow
    weight = (where * np.float32(cover))[..., None]
    own = np.maximum(wearer.surface.albedo, 1e-3)
    albedo = own * np.exp(weight * np.log(np.maximum(target, 5e-3) / own))
    powder = 1 - where * np.float32(stage.pick(0.25, 0.75) * cover)
    nir = wearer.surface.nir + where * np.float32(0.25 * cover) * (np.float32(0.6) - wearer.surface.nir)
    painted = replace(
        wearer.surface, albedo=np.asarray(np.clip(albedo, 0, 1), np.float32), nir=np.asarray(nir, np.float32),
        gloss=np.asarray(wearer.surface.gloss * powder, np.float32),
    )  # fmt: skip
    return StagedPresentation(over(painted, shadowed(stage, wearer)), wearer.landmarks, wearer.box, stage.distance,
                              {"cover": round(cover, 2)})  # fmt: skip


def put_on(stage: SpeciesStage, scene: Surface, head: PlacedHead, *, landmarks: F32) -> Surface:
    """Put real glasses before the eyes: frame, depth and gloss of clear lenses."""
    rng, density = stage.rng, stage.view.pixels_per_mm(stage.distance)
    frame, lens = spectacles(rng, landmarks, size=stage.view.size)
    metal = rng.random() < 0.4
    color = np.full(3, rng.uniform(0.15, 0.35) if metal else rng.uniform(0.01, 0.08), np.float32)
    color = color * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    depth = soft(head.surface.depth, 6 * density) - np.float32(stage.pick(5, 9))
    shape = frame.shape
    flat = normals(depth, pixels_per_mm=density)
    rim = Surface(
        np.broadcast_to(color, (*shape, 3)).astype(np.float32), np.full(shape, 0.45 if metal else 0.15, np.float32),
        depth, flat, np.full(shape, 0.7, np.float32), np.full(shape, 0.4, np.float32),
        np.zeros((*shape, 3), np.float32), frame,
    )  # fmt: skip
    clear = lens[..., None]
    behind = replace(
        scene, gloss=np.maximum(scene.gloss, 0.55 * lens), polish=np.maximum(scene.polish, 0.75 * lens),
        normal=np.asarray(scene.normal + (flat - scene.normal) * 0.6 * clear, np.float32),
        albedo=np.asarray(scene.albedo * (1 - 0.05 * clear), np.float32),
    )  # fmt: skip
    return over(rim, behind)


def _printed(stage: SpeciesStage, victim: PlacedHead) -> tuple[F32, F32, float, str]:
    """Color, infrared, gloss and ink of the victim's print, laid on by the landmarks."""
    photo, sheet = photograph_both(stage, stage.victim), sample_print(stage)
    codes, across, down = warped(photo, victim)
    color, nir = ink_on(stage, sheet, codes, across=across, down=down, inked=np.ones_like(across))
    return color, nir, sheet.paper.gloss, sheet.plate


def _hollows(head: PlacedHead, *, density: float) -> F32:
    """How much deeper each point lies than its surroundings of some centimeters (mm)."""
    return np.asarray(head.surface.depth - soft(head.surface.depth, 14 * density), np.float32)
