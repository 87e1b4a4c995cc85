"""Photo or video frame shown on a phone, a tablet, a monitor or a phone at full brightness (version 2).

Read: the polarizers of displays work in visible light alone, so that a near-infrared flash passes them; behind lie the
reflector foils of an LCD, gray to bright, or the metal of an OLED, a mirror; neither kind emits near infrared, as
white LEDs and OLEDs end near 750 nm. So the picture shows in infrared only where the sensor's filter leaks. Guessed:
the reflectances, and the fingerprints that give part of the range back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.mirror import mirrored_room
from facewarden.data.simulate.scene.surface import Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32, Placement, intersect, tilted
from facewarden.data.simulate.sensor.camera import flash_lobe
from facewarden.data.simulate.species.parts.finish import finished
from facewarden.data.simulate.species.parts.held import holding_hand, seen_face
from facewarden.data.simulate.species.parts.inks import edited_photo, out_of_focus
from facewarden.data.simulate.species.parts.paper import lay, soft_rectangle
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation
from facewarden.data.simulate.species.replay import DISPLAYS, Display, shown, subpixels

BRIGHT = replace(DISPLAYS["phone"], density=(420.0, 520.0), oled=0.75, level=(6.0, 13.0))
"""A phone at the brightness that it reaches outdoors."""


def replay_phone(stage: SpeciesStage) -> StagedPresentation:
    """A phone held near the camera."""
    return _replay(stage, DISPLAYS["phone"], grip="wrap")


def replay_phone_bright(stage: SpeciesStage) -> StagedPresentation:
    """A phone at full brightness, which outshines the room and blinds weakly filtered infrared cameras."""
    return _replay(stage, BRIGHT, grip="wrap")


def replay_tablet(stage: SpeciesStage) -> StagedPresentation:
    """A tablet held in both hands."""
    return _replay(stage, DISPLAYS["tablet"], grip="sides")


def replay_pc(stage: SpeciesStage) -> StagedPresentation:
    """A monitor or laptop in front of which the camera stands."""
    return _replay(stage, DISPLAYS["pc"], grip=None)


def _replay(stage: SpeciesStage, display: Display, *, grip: str | None) -> StagedPresentation:
    rng = stage.rng
    photo = out_of_focus(stage, edited_photo(stage, stage.victim, flat=True))
    wide, high = stage.made(*display.width), stage.made(*display.height)
    # Who takes care shows the face smaller than the screen, so that its edges are out of sight.
    width = stage.pick(*display.face) * {"low": 1.0, "medium": 0.87, "high": 0.75}[stage.quality]
    scale = width / float(photo.box[2] - photo.box[0])
    # Nearer than this most range sensors see nothing, and who tries learns it.
    distance = max(stage.view.focal * width / stage.face_pixels, stage.pick(285, 340))
    lean = {"low": 0.3, "medium": 0.22, "high": 0.12}[stage.quality] * (1 if grip else 0.5)
    turn = tilted(stage.pick(-lean, lean), stage.pick(-lean, lean), 0.4 * stage.pick(-lean, lean))
    placement = Placement(stage.view.point(*stage.center, distance=distance), turn)
    hit = intersect(stage.view, placement)
    density = stage.view.pixels_per_mm(distance)
    screen, body = _outline(stage, display, wide=wide, high=high, foot=1.6 if grip else 2.2)
    lit = soft_rectangle(hit.across, hit.down, screen, pixels_per_mm=density)
    coverage = soft_rectangle(hit.across, hit.down, body, pixels_per_mm=density)
    fill = float(rng.choice([0.0, 0.05, 0.9])) if stage.quality == "low" else stage.pick(0.2, 0.7)
    codes = lay(photo, hit.across, hit.down, scale=scale, pixels_per_mm=density, fill=fill)
    oled = bool(stage.maker.random() < display.oled)
    emission = _light(stage, display, codes, across=hit.across, down=hit.down, oled=oled,
                      lean=float(abs(turn[2, 0]) + abs(turn[2, 1]))) * lit[..., None]  # fmt: skip
    # A monitor's finish, or a protective film, which careful attackers put on against mirrored lamps.
    matt = stage.maker.random() < {"low": 0.1, "medium": 0.3, "high": 0.7}[stage.quality] + (
        0.3 if grip is None else 0.0
    )
    shell = np.float32(stage.maker.choice([0.02, 0.03, 0.05, 0.6]))
    albedo = np.broadcast_to((shell + (np.float32(0.012) - shell) * lit)[..., None], emission.shape)
    matter = (stage.made(0.02, 0.08) if oled else stage.made(0.05, 0.34)) + (stage.made(0.03, 0.12) if matt else 0.0)
    nir = np.float32(0.12) + (np.float32(matter) - np.float32(0.12)) * lit
    surface = Surface(
        np.asarray(albedo, np.float32), nir, hit.depth, hit.normal, np.full_like(lit, 0.4 if matt else 1.0),
        np.full_like(lit, 0.55 if matt else 1.0), np.asarray(emission, np.float32), coverage,
    )  # fmt: skip
    touched = np.clip(smooth_noise(rng, stage.view.size, cells=7), 0, 2) * np.float32(stage.pick(0.005, 0.05))
    toward = stage.view.toward()
    surface = replace(surface, second=mirrored_room(
        rng, hit.depth, hit.normal, toward=toward, matter=nir + np.asarray(touched, np.float32),
        mirror=(stage.made(0.25, 0.55) if oled else stage.made(0.05, 0.25)) * (0.4 if matt else 1.0),
        lobe=flash_lobe(surface, toward=toward),
    ))  # fmt: skip
    surface = finished(stage, surface)
    scene = over(surface, cast_shadow(surface, stage.background, toward_light=stage.light.direction, strength=0.4))
    if grip and rng.random() < 0.85:
        hand = holding_hand(stage, placement, body, grip=grip)
        scene = scene if hand is None else over(hand, scene)
    landmarks, box = seen_face(stage, placement, photo, scale=scale)
    return StagedPresentation(scene, landmarks, box, distance, {"panel": "oled" if oled else "lcd", "matt": matt})


def _outline(
    stage: SpeciesStage, display: Display, *, wide: float, high: float, foot: float
) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float]]:
    """Left, top, right, bottom (mm) of the lit area and of the device."""
    offset = (stage.pick(-0.06, 0.06) * wide, stage.pick(0.02, 0.14) * high)
    screen = (offset[0] - wide / 2, offset[1] - high / 2, offset[0] + wide / 2, offset[1] + high / 2)
    side, below = stage.made(*display.bezel), stage.made(*display.bezel) * foot
    return screen, (screen[0] - side, screen[1] - side * 1.3, screen[2] + side, screen[3] + below)


def _light(
    stage: SpeciesStage, display: Display, codes: F32, *, across: F32, down: F32, oled: bool, lean: float
) -> F32:
    """Radiance of the panel; who takes care matches its white to the room's."""
    light = shown(stage.rng, codes, oled=oled, lean=lean)
    pitch = 25.4 / stage.made(*display.density)
    light *= subpixels(stage, across, down, pitch=pitch, oled=oled)
    level = stage.made(*display.level)
    white = stage.light.key * np.float32(0.6) + stage.light.sky + stage.light.bounce
    light *= (white / white.mean()) ** np.float32({"low": 0.0, "medium": 0.5, "high": 0.95}[stage.quality])
    if stage.quality == "high" and display is not BRIGHT:
        level = stage.pick(0.8, 1.3) * float(white.mean()) * stage.light.brightness
    peak = min(level / stage.light.brightness, 14.0)
    bands = {"low": 0.06, "medium": 0.03, "high": 0.01}[stage.quality]
    flicker = 1 + np.float32(stage.pick(0, bands)) * np.sin(
        down * np.float32(2 * np.pi / stage.pick(40, 200)) + np.float32(stage.pick(0, 6.3))
    )
    return np.asarray(light * (np.float32(peak) * flicker)[..., None], np.float32)
