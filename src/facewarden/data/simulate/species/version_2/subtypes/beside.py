"""A phone or a sheet of paper held beside a living face, which is no attack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.mirror import mirrored_room
from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import fingers, smooth_noise
from facewarden.data.simulate.scene.view import F32, Placement, intersect, tilted
from facewarden.data.simulate.sensor.camera import flash_lobe
from facewarden.data.simulate.species.parts.paper import lay, soft_rectangle
from facewarden.data.simulate.species.parts.stage import SpeciesStage, decode, photograph, skin_of


def phone_beside(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A phone in the hand, its lit screen or its back toward the camera."""
    hit, placement, half = _hold(stage, head, half=(stage.pick(34, 38), stage.pick(70, 80)))
    size, density = stage.view.size, stage.view.pixels_per_mm(stage.distance)
    body = soft_rectangle(hit[0], hit[1], (-half[0], -half[1], half[0], half[1]), pixels_per_mm=density)
    inner = (-half[0] + 3, -half[1] + 4, half[0] - 3, half[1] - 4)
    screen = soft_rectangle(hit[0], hit[1], inner, pixels_per_mm=density)
    front = stage.rng.random() < 0.6
    color = np.full(3, 0.02, np.float32) if front else np.asarray(stage.rng.uniform(0.02, 0.6, 3), np.float32)
    picture = np.clip(0.4 + 0.3 * smooth_noise(stage.rng, size, cells=6), 0, 1)[..., None]
    glow = picture * stage.rng.uniform(0.5, 1.2, 3).astype(np.float32)
    level = np.float32(min(stage.pick(0.8, 4.0) / stage.light.brightness, 10.0) if front else 0.0)
    nir = np.full((size, size), stage.pick(0.03, 0.3) if front else stage.pick(0.1, 0.6), np.float32)
    gloss = np.full((size, size), 1.0 if front else stage.pick(0.2, 0.9), np.float32)
    surface = Surface(
        np.broadcast_to(color, (size, size, 3)).astype(np.float32), nir, hit[2], hit[3], gloss, 0.3 + 0.7 * gloss,
        np.asarray(glow * level * screen[..., None], np.float32), body,
    )  # fmt: skip
    if front:
        toward = stage.view.toward()
        surface = replace(surface, second=mirrored_room(
            stage.rng, hit[2], hit[3], toward=toward, mirror=stage.pick(0.05, 0.5), matter=nir,
            lobe=flash_lobe(surface, toward=toward),
        ))  # fmt: skip
    return _in_hand(stage, surface, scene, placement, half, grip="wrap")


def paper_beside(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A sheet or card with text, or with the holder's own portrait as on a pass."""
    hit, placement, half = _hold(stage, head, half=(stage.pick(43, 75), stage.pick(30, 105)))
    size, density = stage.view.size, stage.view.pixels_per_mm(stage.distance)
    edges = (-half[0], -half[1], half[0], half[1])
    sheet = soft_rectangle(hit[0], hit[1], edges, pixels_per_mm=density)
    white = np.asarray(stage.rng.uniform(0.6, 0.85) * (1 + stage.rng.uniform(-0.06, 0.06, 3)), np.float32)
    lines = 0.5 + 0.5 * np.sign(np.sin(hit[1] * np.float32(2 * np.pi / stage.pick(5, 9))))
    words = smooth_noise(stage.rng, size, cells=size // 3) > 0.2
    text = lines * words * soft_rectangle(hit[0], hit[1], (edges[0] + 8, edges[1] + 8, edges[2] - 8, edges[3] - 8),
                                          pixels_per_mm=density)  # fmt: skip
    dark = np.float32(0.75) * text
    color = white * (1 - dark)[..., None]
    nir = stage.pick(0.66, 0.86) * (1 - dark * np.float32(0.9 if stage.rng.random() < 0.6 else 0.05))
    if stage.rng.random() < 0.4:
        photo = photograph(stage.rng, stage.victim)
        scale = stage.pick(20, 42) / float(photo.box[2] - photo.box[0])
        laid = decode(lay(photo, hit[0], hit[1], scale=scale, pixels_per_mm=density))
        reach = 0.95 * scale * float(photo.box[2] - photo.box[0])
        where = soft_rectangle(hit[0], hit[1], (-reach, -1.2 * reach, reach, 1.2 * reach), pixels_per_mm=density)
        where = np.minimum(where, sheet)
        color = color + where[..., None] * (0.03 + 0.8 * laid - color)
        nir = nir + where * (np.float32(0.7) - nir)
    gloss = np.full((size, size), stage.pick(0.05, 0.5), np.float32)
    surface = Surface(
        np.asarray(color, np.float32), np.asarray(nir, np.float32), hit[2], hit[3], gloss, 0.25 + 0.4 * gloss,
        np.zeros((size, size, 3), np.float32), sheet,
    )  # fmt: skip
    return _in_hand(stage, surface, scene, placement, half, grip="below")


def _hold(
    stage: SpeciesStage, head: PlacedHead, *, half: tuple[float, float]
) -> tuple[tuple[F32, F32, F32, F32], Placement, tuple[float, float]]:
    """Place a flat thing beside the face: across, down (mm), depth and normal of it in every pixel."""
    density = stage.view.pixels_per_mm(stage.distance)
    side = 1.0 if stage.rng.random() < 0.5 else -1.0
    wide = float(head.box[2] - head.box[0]) / (2 * density)
    x = float(head.box[0] + head.box[2]) / 2 + side * (wide + half[0] + stage.pick(-14, 18)) * density
    y = float(head.box[1] + head.box[3]) / 2 + stage.pick(-10, 60) * density
    near = stage.distance - stage.pick(-40, 50)
    turn = tilted(stage.pick(-0.35, 0.35), stage.pick(-0.3, 0.3), stage.pick(-0.3, 0.3))
    placement = Placement(stage.view.point(x, y, distance=near), turn)
    hit = intersect(stage.view, placement)
    return (hit.across, hit.down, hit.depth, np.ascontiguousarray(hit.normal)), placement, half


def _in_hand(
    stage: SpeciesStage, surface: Surface, scene: Surface, placement: Placement, half: tuple[float, float], *,
    grip: str,
) -> Surface:  # fmt: skip
    out = over(surface, cast_shadow(surface, scene, toward_light=stage.light.direction, strength=0.3))
    skin, infrared = skin_of(stage.victim)
    hand = fingers(stage.rng, stage.view, placement, half=half, skin=skin, nir=infrared, grip=grip)
    return out if hand is None else over(hand, out)
