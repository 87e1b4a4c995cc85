"""Printed photo held before the camera, flat or bent into a half cylinder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.surface import Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32, Placement, intersect, tilted
from facewarden.data.simulate.species.parts.held import holding_hand, seen_face
from facewarden.data.simulate.species.parts.paper import lay, printed, sample_paper, soft_rectangle
from facewarden.data.simulate.species.parts.stage import (
    SpeciesStage,
    StagedPresentation,
    photograph,
    place,
)


def print_flat(stage: SpeciesStage) -> StagedPresentation:
    """A print on a stiff or hanging sheet, held with some tilt."""
    return _sheet(stage, radius=0.0)


def print_bent(stage: SpeciesStage) -> StagedPresentation:
    """A print bent about its vertical axis, as attackers do to imitate a head's relief."""
    radius = stage.pick(75.0, 190.0) * (1 if stage.rng.random() < 0.85 else -1.4)
    return _sheet(stage, radius=radius)


def _sheet(stage: SpeciesStage, *, radius: float) -> StagedPresentation:
    photo = photograph(stage.rng, stage.victim)
    paper = sample_paper(stage.rng)
    width = stage.pick(95.0, 165.0)  # printed face, mm: postcard to life size
    scale = width / float(photo.box[2] - photo.box[0])
    distance = max(stage.view.focal * width / stage.face_pixels, 200.0)
    turn = tilted(stage.pick(-0.28, 0.28), stage.pick(-0.28, 0.28), stage.pick(-0.12, 0.12))
    placement = Placement(stage.view.point(*stage.center, distance=distance), turn, radius)
    hit = intersect(stage.view, placement)
    density = stage.view.pixels_per_mm(distance)
    size = photo.image.shape[0] * scale
    middle = photo.middle * scale
    # The picture is cut to a portrait: all of its height, some of its width, then the printer's unprinted margin.
    left, right = -min(middle[0], width * stage.pick(0.75, 1.2)), min(size - middle[0], width * stage.pick(0.75, 1.2))
    top, bottom = -min(middle[1], width * stage.pick(0.85, 1.3)), min(size - middle[1], width * stage.pick(0.9, 1.4))
    margin = stage.pick(3.0, 14.0) if stage.rng.random() < 0.7 else 0.0
    picture = (float(left), float(top), float(right), float(bottom))
    below = margin * stage.pick(1.0, 2.5)
    sheet = (float(left - margin), float(top - margin), float(right + margin), float(bottom + below))
    inked = soft_rectangle(hit.across, hit.down, picture, pixels_per_mm=density)
    coverage = soft_rectangle(hit.across, hit.down, sheet, pixels_per_mm=density)
    codes = lay(photo, hit.across, hit.down, scale=scale, pixels_per_mm=density)
    color, nir = printed(stage, paper, codes, across=hit.across, down=hit.down, inked=inked)
    relief, normal = waves(stage, hit.normal, amount=stage.pick(0.2, 1.6))
    surface = Surface(
        color, nir, hit.depth - relief, normal, np.full_like(nir, paper.gloss),
        np.full_like(nir, 0.25 + 0.4 * paper.gloss), np.zeros_like(color), coverage,
    )  # fmt: skip
    behind = stage.background
    attributes: dict[str, str | int | float | bool] = {"ink": paper.ink, "bend_mm": round(radius), "holder": False}
    if stage.rng.random() < 0.45:
        attributes["holder"] = True
        head = place(replace(stage, center=(stage.center[0] + stage.pick(-0.1, 0.1) * stage.face_pixels,
                                            stage.center[1] + stage.pick(0.0, 0.35) * stage.face_pixels)),
                     stage.wearer, distance=distance + stage.pick(130.0, 300.0))  # fmt: skip
        behind = over(head.surface, behind)
    behind = cast_shadow(surface, behind, toward_light=stage.light.direction, strength=0.45)
    scene = over(surface, behind)
    if stage.rng.random() < 0.75:
        hand = holding_hand(stage, placement, sheet, grip="sides" if stage.rng.random() < 0.6 else "below")
        if hand is not None:
            scene = over(hand, cast_shadow(hand, scene, toward_light=stage.light.direction, strength=0.3))
    landmarks, box = seen_face(stage, placement, photo, scale=scale)
    return StagedPresentation(scene, landmarks, box, distance, attributes)


def waves(stage: SpeciesStage, normal: F32, *, amount: float) -> tuple[F32, F32]:
    """The gentle waves of thin paper: height in mm and the normals that go with it."""
    size = normal.shape[0]
    height = np.float32(amount) * smooth_noise(stage.rng, size, cells=int(stage.rng.integers(2, 5)))
    density = np.float32(stage.view.pixels_per_mm(stage.distance))
    down, across = np.gradient(height)
    bent = normal - np.dstack([across * density, down * density, np.zeros_like(height)])
    bent /= np.sqrt(np.einsum("hwc,hwc->hw", bent, bent))[..., None]
    return height, np.asarray(bent, np.float32)
