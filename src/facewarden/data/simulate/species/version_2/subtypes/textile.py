"""Cloth before the lower face: a scarf, a medical mask; and dressings of wounds."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.stage import SpeciesStage
from facewarden.data.simulate.species.parts.worn import soft, spanned
from facewarden.data.simulate.species.version_2.subtypes.frame import WornFrame, cloth, dye


def scarf(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A scarf around the neck, at times up to the mouth."""
    frame = WornFrame.of(stage, head)
    u, v = frame.u - np.float32(0.4 * frame.turn), frame.v
    high = stage.rng.random() < 0.35
    base = frame.mouth - stage.pick(2, 14) if high else frame.chin - stage.pick(2, 16)
    sway = smooth_noise(stage.rng, stage.view.size, cells=3)
    edge = v - base - np.float32(0.0016) * u * u + 3 * sway
    wide = np.clip(frame.half + 8 + 0.25 * np.clip(v - base, 0, 60), 0, 105)
    inside = np.minimum(edge, (wide - np.abs(u)))
    fold = np.sin((v + 0.25 * u + 6 * sway) * np.float32(2 * np.pi / stage.pick(16, 34)))
    round_ = np.sqrt(np.clip(1 - (u / np.float32(112)) ** 2, 0, 1))
    depth = frame.far + 18 - np.float32(stage.pick(84, 98)) * round_ - np.float32(stage.pick(2, 6)) * fold
    depth = np.minimum(depth, soft(head.surface.depth, 3 * frame.density) - np.float32(stage.pick(5, 9)))
    layer = cloth(stage, frame, coverage=frame.step(np.asarray(inside, np.float32)),
                  depth=np.asarray(depth, np.float32), color=dye(stage),
                  nir=stage.pick(0.12, 0.78), rough=stage.pick(0.06, 0.16))  # fmt: skip
    return over(layer, cast_shadow(layer, scene, toward_light=stage.light.direction, strength=0.25))


def medical_mask(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A surgical or filtering mask over mouth and nose, at times below the nose."""
    frame = WornFrame.of(stage, head)
    u, v = frame.u - np.float32(0.25 * frame.turn), frame.v
    top = (0.62 if stage.rng.random() < 0.12 else stage.pick(0.26, 0.42)) * frame.mouth
    bottom = frame.chin + stage.pick(-2, 8)
    bridge = np.float32(stage.pick(5, 11)) * np.exp(-0.5 * (u / 14) ** 2)
    upper = v - np.float32(top) + bridge - np.float32(0.0022) * u * u
    lower = np.float32(bottom) - v - np.float32(0.0035) * u * u
    share = np.clip((v - top) / (bottom - top), 0, 1)
    side = np.float32(frame.half) * (0.93 - 0.3 * share) - np.abs(u)
    inside = np.minimum(np.minimum(upper, lower), side)
    # It rests on the bridge, the cheeks and the chin and stands off the mouth like a tent.
    tent = soft(spanned(head.surface.depth, pixels=16 * frame.density), 4 * frame.density)
    folded = stage.rng.random() < 0.6
    pleat = np.cos(v * np.float32(2 * np.pi / 14)) * (np.float32(1.0) if folded else np.float32(0.0))
    loose = np.clip(inside / 25, 0, 1) * np.float32(stage.pick(3, 10))
    depth = tent - 1.5 - loose - pleat
    light_blue, black = np.array([0.42, 0.6, 0.68], np.float32), np.full(3, 0.03, np.float32)
    white = np.full(3, 0.75, np.float32)
    kind = int(stage.rng.integers(0, 4))
    color = (light_blue, white, black, dye(stage))[kind]
    nir = stage.pick(0.62, 0.85) if kind < 2 else stage.pick(0.15, 0.7)
    mask = frame.step(np.asarray(inside, np.float32))
    loops = _loops(frame, np.asarray(u, np.float32), (float(top), float(bottom)))
    layer = cloth(stage, frame, coverage=np.maximum(mask, loops * head.surface.coverage),
                  depth=np.asarray(np.where(mask > 0.5, depth, head.surface.depth - 1), np.float32), color=color,
                  nir=nir, rough=0.03)  # fmt: skip
    return over(layer, scene)


def _loops(frame: WornFrame, u: F32, ends: tuple[float, float]) -> F32:
    """Elastic bands from the corners of a mask to the ears."""
    out = np.zeros_like(u)
    for from_, to in ((ends[0] + 12, 2.0), (ends[1] - 22, 32.0)):
        start, end = 0.8 * frame.half, frame.half + 4
        along = np.clip((np.abs(u) - start) / (end - start), 0, 1)
        line = np.abs(frame.v - np.float32(from_) - along * np.float32(to - from_))
        here = (np.abs(u) > start) & (np.abs(u) < end)
        out = np.maximum(out, np.clip(1.6 - line, 0, 1) * here)
    return np.asarray(out, np.float32)


def bandage(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A sticking plaster, a band around the forehead, or an eye pad."""
    frame = WornFrame.of(stage, head)
    kind = ("plaster", "band", "eye")[int(stage.rng.choice(3, p=[0.55, 0.25, 0.2]))]
    beige, gauze = np.array([0.55, 0.36, 0.24], np.float32), np.full(3, 0.72, np.float32)
    if kind == "plaster":
        spots = ((0, -40), (34, 28), (-34, 28), (0, 22), (10, 0.5 * (frame.mouth + frame.chin)), (20, -34))
        x, y = spots[int(stage.rng.integers(0, len(spots)))]
        turn = stage.pick(-0.9, 0.9)
        a, b = frame.u - np.float32(x + 0.3 * frame.turn), frame.v - np.float32(y)
        p, q = a * np.cos(turn) + b * np.sin(turn), -a * np.sin(turn) + b * np.cos(turn)
        inside = np.minimum(stage.pick(16, 36) - np.abs(p), stage.pick(8, 14) - np.abs(q))
        thick, color = stage.pick(0.6, 1.6), beige * stage.pick(0.7, 1.3) if stage.rng.random() < 0.7 else gauze
    elif kind == "band":
        width, at = stage.pick(18, 28), stage.pick(-54, -40)
        inside = np.minimum(width - np.abs(frame.v - at - 0.05 * frame.u), frame.half + 10 - np.abs(frame.u))
        thick, color = stage.pick(4, 9), gauze
    else:
        side = 1 if stage.rng.random() < 0.5 else -1
        a, b = frame.u - np.float32(side * 31), frame.v - np.float32(2)
        inside = (1 - np.sqrt((a / stage.pick(24, 30)) ** 2 + (b / stage.pick(19, 25)) ** 2)) * 24
        thick, color = stage.pick(3, 8), gauze if stage.rng.random() < 0.7 else np.full(3, 0.04, np.float32)
    smooth = soft(head.surface.depth, 2.2 * frame.density)
    depth = smooth - np.float32(thick)
    coverage = frame.step(np.asarray(inside, np.float32)) * (head.surface.coverage > 0.3)
    bright = float(np.mean(color)) > 0.5
    layer = cloth(stage, frame, coverage=np.asarray(coverage, np.float32), depth=depth, color=color,
                  nir=stage.pick(0.66, 0.86) if bright else stage.pick(0.2, 0.7), rough=0.04)  # fmt: skip
    return over(layer, scene)
