"""Printed photo held before the camera (version 2): flat, or bent with a fold along the nose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.mirror import mirrored_room
from facewarden.data.simulate.scene.surface import Surface, cast_shadow, over
from facewarden.data.simulate.scene.view import F32, Placement, SheetHit, intersect, tilted
from facewarden.data.simulate.sensor.camera import flash_lobe
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.held import holding_hand, marks_on, seen_face
from facewarden.data.simulate.species.parts.inks import ink_on, photograph_both, sample_print
from facewarden.data.simulate.species.parts.paper import lay, soft_rectangle
from facewarden.data.simulate.species.parts.stage import Photo, SpeciesStage, StagedPresentation, place
from facewarden.data.simulate.species.parts.worn import normals
from facewarden.data.simulate.species.prints import waves

_WIDTH = {"low": (90.0, 140.0), "medium": (115.0, 160.0), "high": (135.0, 165.0)}


def print_flat(stage: SpeciesStage) -> StagedPresentation:
    """A print on a stiff or hanging sheet, held with some tilt."""
    return _sheet(stage, radius=0.0, fold=0.0)


def print_bent(stage: SpeciesStage) -> StagedPresentation:
    """A print bent to the roundness of a head; a careful attacker also folds it along the bridge of the nose."""
    radius = {"low": stage.pick(110, 190), "medium": stage.pick(80, 130), "high": stage.pick(70, 95)}[stage.quality]
    folded = stage.rng.random() < {"low": 0.1, "medium": 0.5, "high": 0.9}[stage.quality]
    return _sheet(stage, radius=radius, fold=stage.pick(7.0, 18.0) if folded else 0.0)


def _sheet(stage: SpeciesStage, *, radius: float, fold: float) -> StagedPresentation:
    photo, sheet = photograph_both(stage, stage.victim, flat=True), sample_print(stage)
    width = stage.pick(*_WIDTH[stage.quality])
    scale = width / float(photo.box[2] - photo.box[0])
    distance = max(stage.view.focal * width / stage.face_pixels, 200.0)
    lean = {"low": 0.3, "medium": 0.24, "high": 0.15}[stage.quality]
    turn = tilted(stage.pick(-lean, lean), stage.pick(-lean, lean), stage.pick(-0.12, 0.12))
    placement = Placement(stage.view.point(*stage.center, distance=distance), turn, radius)
    hit = intersect(stage.view, placement)
    density = stage.view.pixels_per_mm(distance)
    # Farther round than this the sheet would turn its back: paper about a head ends before the ears.
    reach = min(1.2 * radius, 1e4) if radius else 1e4
    picture, edges = _cut(stage, photo, scale=scale, width=width, reach=reach)
    inked = soft_rectangle(hit.across, hit.down, picture, pixels_per_mm=density)
    coverage = soft_rectangle(hit.across, hit.down, edges, pixels_per_mm=density)
    laid = lay(photo, hit.across, hit.down, scale=scale, pixels_per_mm=density)
    color, nir = ink_on(stage, sheet, laid, across=hit.across, down=hit.down, inked=inked)
    wave, normal = waves(stage, hit.normal, amount=stage.pick(0.2, 1.2 if stage.quality == "high" else 2.4))
    depth = hit.depth - wave
    if fold:
        marks = marks_on(photo, scale=scale)
        depth, normal = _folded(depth, normal, hit, marks=marks, fold=fold * width / 150, pixels_per_mm=density)
    paper = sheet.paper
    gloss = np.full_like(nir, paper.gloss)
    surface = Surface(color, nir, depth, normal, gloss, 0.25 + 0.4 * gloss, np.zeros_like(color), coverage)
    if paper.gloss > 0.5:
        toward = stage.view.toward()
        surface = replace(surface, second=mirrored_room(
            stage.rng, depth, normal, toward=toward, mirror=0.05 * paper.gloss, matter=nir,
            lobe=flash_lobe(surface, toward=toward),
        ))  # fmt: skip
    scene = _held(stage, finished(stage, surface), placement, edges, distance=distance)
    landmarks, box = seen_face(stage, placement, photo, scale=scale)
    return StagedPresentation(scene, landmarks, box, distance, {
        "ink": sheet.plate, "bend_mm": round(radius), "fold_mm": round(fold),
    })  # fmt: skip


def _cut(
    stage: SpeciesStage, photo: Photo, *, scale: float, width: float, reach: float
) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float]]:
    """Left, top, right, bottom (mm) of the picture and of the sheet: the better, the larger, up to a poster's."""
    size = photo.image.shape[0] * scale
    middle = photo.middle * scale
    low, high = {"low": (0.75, 1.2), "medium": (0.9, 1.5), "high": (1.2, 3.0)}[stage.quality]
    left = -min(middle[0], width * stage.pick(low, high), reach)
    right = min(size - middle[0], width * stage.pick(low, high), reach)
    top, bottom = -min(middle[1], width * stage.pick(low, high)), min(size - middle[1], width * stage.pick(low, high))
    bare = {"low": 0.8, "medium": 0.4, "high": 0.05}[stage.quality]
    margin = stage.pick(3.0, 14.0) if stage.rng.random() < bare else 0.0
    picture = (float(left), float(top), float(right), float(bottom))
    return picture, (picture[0] - margin, picture[1] - margin, picture[2] + margin, picture[3] + 1.6 * margin)


def _folded(
    depth: F32, normal: F32, hit: SheetHit, *, marks: F32, fold: float, pixels_per_mm: float
) -> tuple[F32, F32]:
    """A crease along the pictured nose: from nothing between the eyes to its height at the tip, then pinched in again.

    Args:
        depth, normal: of the sheet.
        hit: where it is met, mm along the paper.
        marks: `(5, 2)` mm, the landmarks on the sheet.
        fold: height of the crease at the tip of the nose, mm.
        pixels_per_mm: of the frame.
    """
    root, tip = (marks[0] + marks[1]) / 2, marks[2]
    long = np.float32(max(float(tip[1] - root[1]), 5.0))
    along = (hit.down - root[1] + np.float32(0.25) * long) / (np.float32(1.25) * long)
    middle = root[0] + (tip[0] - root[0]) * np.clip((hit.down - root[1]) / long, 0, 1.2)
    rise = np.clip(along, 0, 1) * np.clip((np.float32(1.3) - along) / np.float32(0.25), 0, 1)
    across = np.abs(hit.across - middle) / (np.float32(0.22) * long * (1 + np.clip(along, 0, 1)))
    height = np.float32(fold) * rise * np.clip(1 - across, 0, 1)
    crease = normals(np.asarray(-height, np.float32), pixels_per_mm=pixels_per_mm)
    bent = normal + crease - np.array([0, 0, 1], np.float32)
    bent /= np.sqrt(np.einsum("hwc,hwc->hw", bent, bent))[..., None]
    return np.asarray(depth - height, np.float32), np.asarray(bent, np.float32)


def _held(
    stage: SpeciesStage, surface: Surface, placement: Placement, edges: tuple[float, float, float, float], *,
    distance: float,
) -> Surface:  # fmt: skip
    """The sheet in front of the room, at times of the attacker, and the fingers that hold it."""
    behind = stage.background
    if stage.rng.random() < 0.4:
        center = (stage.center[0] + stage.pick(-0.1, 0.1) * stage.face_pixels,
                  stage.center[1] + stage.pick(0.0, 0.35) * stage.face_pixels)  # fmt: skip
        head = place(replace(stage, center=center), stage.wearer, distance=distance + stage.pick(130.0, 300.0))
        behind = over(head.surface, behind)
    scene = over(surface, cast_shadow(surface, behind, toward_light=stage.light.direction, strength=0.45))
    if stage.rng.random() < 0.75:
        hand = holding_hand(stage, placement, edges, grip="sides" if stage.rng.random() < 0.6 else "below")
        if hand is not None:
            scene = over(hand, cast_shadow(hand, scene, toward_light=stage.light.direction, strength=0.3))
    return scene
