"""A hat: knitted cap, baseball cap or brimmed hat."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.species.parts.stage import SpeciesStage
from facewarden.data.simulate.species.version_2.subtypes.frame import WornFrame, cloth, dye


def hat(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """Put one on; its brim stands out toward the camera and shades the face."""
    frame = WornFrame.of(stage, head)
    kind = ("knit", "cap", "brim")[int(stage.rng.integers(0, 3))]
    color, nir = dye(stage), stage.pick(0.1, 0.75)
    back = np.float32(0.5 * frame.turn)  # the skull turns less far than the face
    u = frame.u - back
    wide, rise = frame.half + stage.pick(12, 19), stage.pick(92, 112)
    base = stage.pick(-48, -36) if kind == "knit" else stage.pick(-60, -46)
    q = (u / np.float32(wide)) ** 2 + ((frame.v - np.float32(base)) / np.float32(rise)) ** 2
    dome = np.sqrt(np.clip(1 - q, 0, 1))
    edge = base + 0.0035 * u * u - frame.v
    coverage = np.minimum(
        frame.step(np.asarray((1 - np.sqrt(q)) * wide, np.float32)), frame.step(np.asarray(edge, np.float32))
    )
    knit = smooth_noise(stage.rng, stage.view.size, cells=9) * np.float32(1.5 if kind == "knit" else 0.6)
    # Just in front of the forehead, and back to the ears at its rim.
    front = np.where(head.surface.coverage > 0.5, head.surface.depth, frame.far) - np.float32(4)
    depth = np.minimum(frame.far - np.float32(stage.pick(94, 102)) * dome - knit, front)
    rough = stage.pick(0.08, 0.18) if kind == "knit" else stage.pick(0.02, 0.07)
    out = over(cloth(stage, frame, coverage=coverage, depth=depth, color=color, nir=nir, rough=rough), scene)
    if kind == "knit":
        return out
    around = 1.0 if kind == "cap" else 1.45
    reach, drop = stage.pick(55, 75), stage.pick(16, 28)
    middle = u - np.float32(0.6 * frame.turn)
    across = middle / np.float32(around * 0.95 * wide)
    # A brim is seen nearly on edge: its tip hangs `drop` mm below where it is sewn on.
    down = (frame.v - np.float32(base - 10) - 0.0035 * u * u) / np.float32(drop)
    inside = np.minimum((1 - np.abs(across)) * 60, np.minimum(down + 0.4, 1 - down - 0.5 * across**2) * drop)
    along = np.clip(down, -0.4, 1)
    flat = frame.far - np.float32(88) - np.float32(reach) * along * np.sqrt(np.clip(1 - 0.8 * across**2, 0.05, 1))
    if kind == "brim":  # it goes all around: beside the head it lies farther back
        flat = flat + np.float32(70) * np.clip(np.abs(across) - 0.35, 0, 1) ** 1.5
    brim = cloth(stage, frame, coverage=frame.step(np.asarray(inside, np.float32)), depth=np.asarray(flat, np.float32),
                 color=color * 0.8, nir=nir, rough=0.03)  # fmt: skip
    shaded = cast_shadow(brim, out, toward_light=stage.light.direction, strength=0.5)
    return over(brim, shaded)
