"""The victim's face thrown by a projector on a white head, or on the attacker's own face (version 2).

Read: light projected on a living face has been shown to deceive face recognition (Nguyen et al., Adversarial light
projection attacks, 2020). Depth and infrared are those of the head that the picture falls on, as projectors with LEDs
or lasers send no near infrared. Guessed: brightness, registration, and what a projector's black adds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.filters import blurred
from facewarden.data.simulate.scene.surface import over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.species.cutout import warped
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.inks import edited_photo
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, decode
from facewarden.data.simulate.species.parts.worn import both, normals, oval, shadowed, soft


def replay_projected(stage: SpeciesStage) -> StagedPresentation:
    """A projector beside the camera throws the victim's picture on a white or gray cast or on the attacker's own."""
    rng, grade = stage.rng, grade_of(stage)
    wearer, victim = both(stage)
    density = stage.view.pixels_per_mm(stage.distance)
    white = bool(rng.random() < 0.6)
    head = wearer.surface
    spill = {"low": 1.5, "medium": 1.2, "high": 1.03}[stage.quality]
    if white:
        cast = victim if stage.quality == "high" else wearer  # who takes care casts the victim's own head
        depth = soft(cast.surface.depth, 0.8 * stage.pick(*grade.relief_blur) * density)
        stain = 1 + np.float32(0.02) * smooth_noise(rng, stage.view.size, cells=9)
        # Gray takes the room's light less than a lamp that is strong enough: the picture keeps its blacks.
        gray = {"low": stage.pick(0.6, 0.85), "medium": stage.pick(0.35, 0.6), "high": stage.pick(0.18, 0.35)}
        tone = np.asarray(gray[stage.quality] * rng.uniform(0.95, 1.05, 3), np.float32)
        mold = replace(
            cast.surface, albedo=(tone * stain[..., None]).astype(np.float32), depth=depth,
            nir=(np.float32(stage.pick(0.45, 0.8)) * stain).astype(np.float32),
            normal=normals(depth, pixels_per_mm=density), gloss=np.full_like(depth, stage.pick(0.03, 0.3)),
            coverage=oval(cast, width=stage.pick(1.0, 1.12), height=stage.pick(1.0, 1.1)) * cast.surface.coverage,
        )  # fmt: skip
        head = over(mold, head) if stage.quality != "low" else replace(mold, coverage=cast.surface.coverage)
    photo = edited_photo(stage, stage.victim)
    photo = replace(photo, image=blurred(photo.image, stage.pick(*grade.blur)))
    error, turn = stage.pick(*grade.shift) * density, stage.pick(0, 2 * np.pi)
    off = np.array([np.cos(turn), np.sin(turn)], np.float32) * np.float32(error)
    codes, _, _ = warped(photo, replace(victim, landmarks=victim.landmarks + off))
    wanted = decode(codes)
    if not white:  # on skin the picture is divided by the skin, as far as the lamp reaches
        wanted = np.clip(wanted / np.maximum(head.albedo / head.albedo.max(), 0.15), 0, 1)
    side = np.array([stage.pick(-0.4, 0.4), stage.pick(-0.5, 0.1), 1.0], np.float32)
    side /= np.float32(np.linalg.norm(side))
    beam = np.clip(head.normal @ side, 0, 1)
    reach = soft(
        oval(victim, width=spill, height=spill), 0.08 * spill**4 * density + 0.5
    )  # masked, the better the closer
    black = np.float32({"low": 0.06, "medium": 0.03, "high": 0.012}[stage.quality])
    strong = {"low": (1.5, 4.5), "medium": (2.0, 4.0), "high": (2.5, 4.0)}[stage.quality]
    level = np.float32(min(stage.pick(*strong) / stage.light.brightness, 12.0))
    thrown = (black + wanted) * (level * beam * reach)[..., None]
    lit = replace(head, emission=np.asarray(head.albedo * thrown, np.float32))
    return StagedPresentation(over(lit, shadowed(stage, wearer)), victim.landmarks, victim.box, stage.distance,
                              {"on": "cast" if white else "own face"})  # fmt: skip
