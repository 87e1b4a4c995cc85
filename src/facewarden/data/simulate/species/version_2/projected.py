"""The victim's face thrown by a projector on a white head, or on the attacker's own face (version 2).

Read: light projected on a living face has been shown to deceive face recognition (Nguyen et al., Adversarial light
projection attacks, 2020). Depth and infrared are those of the head that the picture falls on, as projectors with LEDs
or lasers send no near infrared. Guessed: brightness, registration, and what a projector's black adds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.scene.surface import Surface, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.cutout import warped
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.inks import edited_photo, out_of_focus
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, decode, skin_of
from facewarden.data.simulate.species.parts.worn import both, normals, oval, shadowed, soft


def replay_projected(stage: SpeciesStage) -> StagedPresentation:
    """A projector beside the camera throws the victim's picture on a white or gray cast or on the attacker's own."""
    rng, grade = stage.rng, grade_of(stage)
    wearer, victim = both(stage)
    density = stage.view.pixels_per_mm(stage.distance)
    white = bool(stage.maker.random() < {"low": 0.8, "medium": 0.6, "high": 0.4}[stage.quality])
    white = white or stage.habits is not None  # from version 3 on a cast always
    head = wearer.surface
    spill = {"low": 1.5, "medium": 1.2, "high": 1.03}[stage.quality]
    if white:
        cast = victim if stage.quality == "high" else wearer  # who takes care casts the victim's own head
        depth = soft(cast.surface.depth, 0.8 * stage.made(*grade.relief_blur) * density)
        stain = 1 + np.float32(0.02) * smooth_noise(rng, stage.view.size, cells=9)
        # Gray takes the room's light less than a lamp that is strong enough: the picture keeps its blacks. Better
        # ones have the tint of skin, as mannequins do, and so what the room adds is no gray veil.
        gray = {"low": stage.made(0.35, 0.7), "medium": stage.made(0.18, 0.35), "high": stage.made(0.1, 0.2)}
        skin, _ = skin_of(stage.victim)
        tint = (skin / skin.mean()) ** np.float32({"low": 0.0, "medium": 0.7, "high": 1.0}[stage.quality])
        tone = np.asarray(gray[stage.quality] * tint * stage.maker.uniform(0.95, 1.05, 3), np.float32)
        paint = np.full_like(depth, stage.made(0.45, 0.8))
        if stage.habits is not None:  # heads of shop windows have painted brows and lips
            paint = cast.surface.nir
        mold = replace(
            cast.surface, albedo=(tone * stain[..., None]).astype(np.float32), depth=depth,
            nir=(paint * stain).astype(np.float32),
            normal=normals(depth, pixels_per_mm=density), gloss=np.full_like(depth, stage.made(0.03, 0.3)),
            coverage=oval(cast, width=stage.pick(1.0, 1.12), height=stage.pick(1.0, 1.1)) * cast.surface.coverage,
        )  # fmt: skip
        head = over(mold, head) if stage.quality != "low" else replace(mold, coverage=cast.surface.coverage)
    photo = out_of_focus(stage, edited_photo(stage, stage.victim))
    error, turn = stage.pick(*grade.shift) * density, stage.pick(0, 2 * np.pi)
    off = np.array([np.cos(turn), np.sin(turn)], np.float32) * np.float32(error)
    codes, _, _ = warped(photo, replace(victim, landmarks=victim.landmarks + off))
    wanted = decode(codes)
    # Room light takes color from the picture: the better ones give it more.
    luma = (wanted @ LUMA)[..., None]
    wanted = np.clip(luma + (wanted - luma) * np.float32(stage.made(*grade.saturation)), 0, 1)
    # The picture is divided by the color, on a face by the skin, as far as the lamp reaches.
    ground = head.albedo if not white else np.broadcast_to(tone, head.albedo.shape)
    wanted = np.clip(wanted / np.maximum(ground / ground.max(), 0.15), 0, 1)
    side = np.array([stage.made(-0.4, 0.4), stage.made(-0.5, 0.1), 1.0], np.float32)
    side /= np.float32(np.linalg.norm(side))
    beam = np.clip(head.normal @ side, 0, 1)
    reach = soft(
        oval(victim, width=spill, height=spill), 0.08 * spill**4 * density + 0.5
    )  # masked, the better the closer
    black = np.float32({"low": 0.06, "medium": 0.03, "high": 0.012}[stage.quality])
    level = np.float32(min(_dimmed(stage, wanted, head, where=reach > 0.5), 12.0 / stage.light.brightness))
    thrown = (black + wanted) * (level * beam * reach)[..., None]
    lit = replace(head, emission=np.asarray(head.albedo * thrown, np.float32))
    scene = over(lit, shadowed(stage, wearer))
    if stage.habits is not None:
        part = replace(lit, coverage=np.asarray(lit.coverage * reach, np.float32))
        scene = over(finished(stage, part, worn=True), scene)
    return StagedPresentation(scene, victim.landmarks, victim.box, stage.distance,
                              {"on": "cast" if white else "own face"})  # fmt: skip


def _dimmed(stage: SpeciesStage, wanted: F32, head: Surface, *, where: NDArray[np.bool_]) -> float:
    """Brightness of the lamp: as found, or the better, the nearer the head comes to a face's brightness in that room.

    Args:
        stage: the capture.
        wanted: `(h, w, 3)` linear picture.
        head: what it falls on.
        where: `(h, w)` the part that it falls on.
    """
    found = stage.made(1.5, 4.5) / stage.light.brightness
    if not where.any():
        return found
    skin, _ = skin_of(stage.victim)
    own = float((head.albedo[where] @ LUMA).mean())
    picture = float(((head.albedo * wanted)[where] @ LUMA).mean())
    room = float((stage.light.key * np.float32(0.6) + stage.light.sky + stage.light.bounce).mean())
    # Weaker than a third of what the room shows of the head, the picture is not seen.
    even = room * max(float(skin @ LUMA) - own, 0.4 * own) / max(picture, 1e-3) * stage.pick(0.85, 1.3)
    care = {"low": 0.5, "medium": 0.85, "high": 1.0}[stage.quality]
    return float(found ** (1 - care) * even**care)
