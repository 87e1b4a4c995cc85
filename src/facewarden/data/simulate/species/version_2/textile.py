"""Life-size textile cut-out (version 2): the victim's head and shoulders printed on cloth, cut along the outline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.grids import halftone, sampled
from facewarden.data.simulate.scene.surface import Surface, cast_shadow, over, place_head
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32, pixel_grid
from facewarden.data.simulate.species.cutout import warped
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.inks import Print, ink_on, photograph_both, sample_print
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation
from facewarden.data.simulate.species.parts.worn import grown, normals, soft, spanned


def print_textile(stage: SpeciesStage) -> StagedPresentation:
    """Printed cloth without any straight edge: hung on a line or a frame in folds, or drawn over the attacker's head.

    Read: reactive and disperse dyes are transparent in the near infrared and cloth is bright there. Guessed: how much
    carbon black the better prints hold, so that eyes and hair stay dark.
    """
    grade = grade_of(stage)
    distance = stage.distance
    head = place_head(
        stage.victim, stage.view, distance=distance, center=stage.center, roll=stage.pick(-0.1, 0.1)
    )  # fmt: skip
    density = stage.view.pixels_per_mm(distance)
    worn = stage.maker.random() < {"low": 0.2, "medium": 0.45, "high": 0.7}[stage.quality]
    depth = _drawn_over(stage, distance) if worn else _hung(stage, distance, density=density)
    margin = stage.pick(*grade.edge) * density * 1.5
    coverage = np.clip(grown(head.surface.coverage, margin), 0, 1)
    photo = photograph_both(stage, stage.victim)
    sheet = _on_cloth(stage, sample_print(stage))
    codes, across, down = warped(photo, head)
    color, nir = ink_on(stage, sheet, codes, across=across, down=down, inked=soft(head.surface.coverage, 1.0))
    weave = _weave(stage, across, down)
    color, nir = color * (1 + weave[..., None]), nir * (1 + 0.4 * weave)
    flat = np.zeros_like(nir)
    surface = Surface(
        np.clip(color, 0, 1).astype(np.float32), np.clip(nir, 0, 1).astype(np.float32), depth,
        normals(depth, pixels_per_mm=density), np.full_like(nir, 0.05), flat, np.zeros_like(color), coverage,
    )  # fmt: skip
    surface = finished(stage, surface)
    behind = cast_shadow(surface, stage.background, toward_light=stage.light.direction, strength=0.35)
    return StagedPresentation(
        over(surface, behind), head.landmarks, head.box, distance, {"ink": sheet.plate, "worn": worn}
    )


def _on_cloth(stage: SpeciesStage, sheet: Print) -> Print:
    """Cloth is brighter in the near infrared than paper, without gloss, and ink runs in it."""
    paper = replace(
        sheet.paper, gloss=0.05, gain=sheet.paper.gain * stage.made(1.0, 1.15),
        nir=min(0.85, sheet.paper.nir + stage.made(0.0, 0.12)), black=sheet.paper.black + 0.01,
    )  # fmt: skip
    return replace(sheet, paper=paper)


def _weave(stage: SpeciesStage, across: F32, down: F32) -> F32:
    """What the sensor's lattice makes of the threads."""
    pitch = {"low": stage.made(0.9, 1.5), "medium": stage.made(0.6, 1.0), "high": stage.made(0.35, 0.6)}[stage.quality]
    threads = sampled(
        across, down, halftone(stage.pick(-6, 6)), pitch=pitch, native=stage.native, blur=stage.blur, green=True
    )
    return np.asarray(np.float32(0.2) * threads, np.float32)


def _hung(stage: SpeciesStage, distance: float, *, density: float) -> F32:
    """Cloth that hangs: folds from the top down, deeper toward the hem (mm)."""
    x, y = pixel_grid(stage.view.size)
    x, y = x / np.float32(density), y / np.float32(density)
    sway = smooth_noise(stage.rng, stage.view.size, cells=2) * np.float32(14)
    wave = np.sin((x + sway) * np.float32(2 * np.pi / stage.pick(60, 150)) + np.float32(stage.pick(0, 6.3)))
    fine = np.sin((x + 0.5 * sway) * np.float32(2 * np.pi / stage.pick(25, 55)) + np.float32(stage.pick(0, 6.3)))
    deeper = np.clip(0.6 + y / 400, 0.2, 1.4)
    height = deeper * (stage.pick(2, 10) * wave + stage.pick(0.3, 2) * fine)
    lean = stage.pick(-0.15, 0.15) * x + stage.pick(-0.15, 0.15) * y
    return np.asarray(distance - height + lean, np.float32)


def _drawn_over(stage: SpeciesStage, distance: float) -> F32:
    """Cloth over the attacker's head: it spans the hollows of the face and hangs from the skull and the chin (mm)."""
    head = place_head(stage.wearer, stage.view, distance=distance, center=stage.center, roll=stage.pick(-0.1, 0.1))
    density = stage.view.pixels_per_mm(distance)
    reach = {"low": stage.pick(22, 32), "medium": stage.pick(14, 22), "high": stage.pick(6, 12)}[stage.quality]
    weight = np.maximum(head.surface.coverage, np.float32(1e-2))
    rest = np.float32(distance + 90)
    own = np.where(head.surface.coverage > 0.5, head.surface.depth, rest)
    drawn = spanned(own, pixels=reach * density)
    drawn = soft(np.asarray(drawn * weight + rest * (1 - weight), np.float32), 0.4 * reach * density)
    tug = smooth_noise(stage.rng, stage.view.size, cells=6) * np.float32(stage.pick(0.3, 1.5))
    return np.asarray(drawn - np.float32(2) + tug, np.float32)
