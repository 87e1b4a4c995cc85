"""Prints with the relief of a face (version 2): worn as a cut paper, wrapped over a face, or formed over a cast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.cutout import mouth_middle, paper_shell, warped
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.inks import ink_on, photograph_both, sample_print
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, place
from facewarden.data.simulate.species.parts.worn import (
    both,
    ellipses,
    eye_holes,
    inward,
    normals,
    oval,
    shadowed,
    sink,
    soft,
    spanned,
    under,
)


def print_cutout(stage: SpeciesStage) -> StagedPresentation:
    """The victim's print curved around the wearer's face, the wearer's own skin in the holes."""
    wearer, victim = both(stage)
    depth = paper_shell(stage, wearer)
    chooser = stage.rng if stage.habits is None else stage.maker
    cut = ["eyes", "eyes_nose", "eyes_mouth", "eyes_nose_mouth"][int(chooser.integers(0, 4))]
    holes = ellipses(wearer, (0, 1), size=(stage.pick(0.2, 0.3), stage.pick(0.1, 0.17)))
    if "nose" in cut:
        holes = np.maximum(holes, ellipses(wearer, (2,), size=(0.24, 0.28)))
        depth = depth + np.float32(12)
    if "mouth" in cut:
        lips = replace(wearer, landmarks=mouth_middle(wearer.landmarks))
        holes = np.maximum(holes, ellipses(lips, (2,), size=(0.42, 0.17)))
    if stage.quality == "high":  # slit at the temples, the chin and the nose, the paper follows the face half way
        follow = _tented(stage, wearer, reach=stage.pick(9.0, 14.0))
        depth = depth + (follow - depth) * np.float32(stage.pick(0.4, 0.7))
    margin = stage.pick(1.0, 1.12)
    outline = np.minimum(oval(victim, width=margin, height=margin), 1 - holes)
    return _worn(stage, wearer, victim, depth=depth, outline=outline, holes=holes, attributes={"holes": cut})


def print_wrapped(stage: SpeciesStage) -> StagedPresentation:
    """Thin printed paper or foil laid wet or hot over the wearer's own face: his bones, the victim's picture."""
    wearer, victim = both(stage)
    reach = {"low": stage.pick(9, 14), "medium": stage.pick(5, 9), "high": stage.pick(2.5, 5)}[stage.quality]
    depth = _tented(stage, wearer, reach=reach)
    depth -= _wrinkles(stage, amount={"low": 1.6, "medium": 0.9, "high": 0.4}[stage.quality])
    margin = stage.pick(1.04, 1.18)
    outline = np.minimum(oval(victim, width=margin, height=margin), wearer.surface.coverage)
    holes = np.zeros_like(outline)
    if stage.rng.random() < 0.6:
        holes = eye_holes(wearer, pixels=0.7 * stage.view.pixels_per_mm(stage.distance))
    attributes: dict[str, str | int | float | bool] = {"holes": "eyes" if holes.any() else "none"}
    return _worn(stage, wearer, victim, depth=depth, outline=outline * (1 - holes), holes=holes, attributes=attributes)


def print_relief(stage: SpeciesStage) -> StagedPresentation:
    """A print formed over a cast of the victim (thermoformed foil, papier-mache): his relief with printed eyes."""
    grade, density = grade_of(stage), stage.view.pixels_per_mm(stage.distance)
    bust = stage.maker.random() < 0.45
    if bust:
        victim = wearer = place(stage, stage.victim)
        outline = victim.surface.coverage
    else:
        wearer, victim = both(stage)
        outline = oval(victim, width=stage.pick(1.02, 1.15), height=stage.pick(1.02, 1.12))
        outline = np.minimum(outline, victim.surface.coverage)
    sigma = stage.made(*grade.relief_blur) * density
    relief = _smooth_inside(victim, sigma) if bust else inward(victim, outline, victim.surface.depth, sigma)
    middle = float(np.median(relief[outline > 0.5]))
    depth = middle + (relief - middle) * np.float32(stage.made(*grade.relief_scale))
    depth += smooth_noise(stage.rng, stage.view.size, cells=5) * np.float32(stage.pick(0.1, 0.9))
    depth -= np.float32(0.0 if bust else stage.pick(*grade.edge) + 1)
    attributes: dict[str, str | int | float | bool] = {"form": "bust" if bust else "shell"}
    return _worn(
        stage, None if bust else wearer, victim, depth=np.asarray(depth, np.float32), outline=outline,
        holes=np.zeros_like(outline), attributes=attributes,
    )  # fmt: skip


def _smooth_inside(head: PlacedHead, sigma: float) -> F32:
    weight = np.maximum(head.surface.coverage, np.float32(1e-3))
    return np.asarray(soft(head.surface.depth * weight, sigma) / soft(weight, sigma), np.float32)


def _tented(stage: SpeciesStage, wearer: PlacedHead, *, reach: float) -> F32:
    """Depth of a thin sheet pulled over a face: it rests on what stands out and spans what lies deeper (mm)."""
    density = stage.view.pixels_per_mm(stage.distance)
    own = _smooth_inside(wearer, 0.8 * density)
    return soft(spanned(own, pixels=1.2 * reach * density), 0.35 * reach * density) - np.float32(0.8)


def _wrinkles(stage: SpeciesStage, *, amount: float) -> F32:
    """Sharp folds where flat stock meets a round face."""
    noise = smooth_noise(stage.rng, stage.view.size, cells=int(stage.rng.integers(5, 10)))
    return np.asarray(np.float32(amount) * np.clip(1 - np.abs(noise) * 2.2, 0, 1) ** 2, np.float32)


def _worn(
    stage: SpeciesStage, wearer: PlacedHead | None, victim: PlacedHead, *, depth: F32, outline: F32, holes: F32,
    attributes: dict[str, str | int | float | bool],
) -> StagedPresentation:  # fmt: skip
    """Print the victim on the shape and put it in front of the wearer, or of nobody."""
    grade, density = grade_of(stage), stage.view.pixels_per_mm(stage.distance)
    photo, sheet = photograph_both(stage, stage.victim), sample_print(stage)
    error, turn = stage.pick(*grade.shift) * density * 0.7, stage.pick(0, 2 * np.pi)
    off = np.array([np.cos(turn), np.sin(turn)], np.float32) * np.float32(error)
    codes, across, down = warped(photo, replace(victim, landmarks=victim.landmarks + off))
    color, nir = ink_on(stage, sheet, codes, across=across, down=down, inked=np.ones_like(across))
    gloss = np.full_like(nir, sheet.paper.gloss)
    surface = Surface(
        color, nir, depth, normals(depth, pixels_per_mm=density), gloss, 0.25 + 0.4 * gloss, np.zeros_like(color),
        outline,
    )  # fmt: skip
    surface = finished(stage, surface, worn=True)
    behind = stage.background
    if wearer is not None:
        deep = sink(wearer.surface, holes, stage.pick(0.5, 2.5)) if holes.any() else wearer.surface
        behind = under(over(deep, shadowed(stage, wearer)), surface, strength=0.45)
    return StagedPresentation(
        over(surface, behind), victim.landmarks, victim.box, stage.distance, {"ink": sheet.plate} | attributes
    )
