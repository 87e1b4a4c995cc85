"""Photo or video frame of the victim shown on a phone, a tablet or a computer's monitor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.data.simulate.scene.grids import diamond, sampled, stripe
from facewarden.data.simulate.scene.light import blackbody_tint
from facewarden.data.simulate.scene.surface import Surface, cast_shadow, over
from facewarden.data.simulate.scene.view import F32, Placement, intersect, tilted
from facewarden.data.simulate.species.parts.held import holding_hand, seen_face
from facewarden.data.simulate.species.parts.paper import lay, soft_rectangle
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, decode, photograph


@dataclass(frozen=True)
class Display:
    """A class of display.

    Attributes:
        width, height: of the lit area in mm.
        density: range of pixels per inch.
        bezel: range of the frame's width in mm.
        oled: share of OLED panels (no light in black, diamond subpixels).
        face: range of the width of the shown face in mm.
        level: range of a white pixel's radiance, relative to a white wall in ordinary room light.
    """

    width: tuple[float, float]
    height: tuple[float, float]
    density: tuple[float, float]
    bezel: tuple[float, float]
    oled: float
    face: tuple[float, float]
    level: tuple[float, float]


DISPLAYS = {
    "phone": Display((64.0, 72.0), (138.0, 158.0), (395.0, 460.0), (2.0, 6.0), 0.7, (46.0, 60.0), (1.6, 4.5)),
    "tablet": Display((147.0, 180.0), (196.0, 240.0), (224.0, 290.0), (6.0, 20.0), 0.2, (95.0, 130.0), (1.4, 3.5)),
    "pc": Display((340.0, 540.0), (210.0, 305.0), (92.0, 145.0), (7.0, 22.0), 0.05, (110.0, 165.0), (1.2, 2.8)),
}


def replay_phone(stage: SpeciesStage) -> StagedPresentation:
    """A phone held near the camera."""
    return _replay(stage, "phone")


def replay_tablet(stage: SpeciesStage) -> StagedPresentation:
    """A tablet held in both hands."""
    return _replay(stage, "tablet")


def replay_pc(stage: SpeciesStage) -> StagedPresentation:
    """A monitor or laptop in front of which the camera stands."""
    return _replay(stage, "pc")


def _replay(stage: SpeciesStage, kind: str) -> StagedPresentation:
    rng, display = stage.rng, DISPLAYS[kind]
    photo = photograph(rng, stage.victim)
    wide, high = rng.uniform(*display.width), rng.uniform(*display.height)
    width = rng.uniform(*display.face)
    scale = width / float(photo.box[2] - photo.box[0])
    distance = max(stage.view.focal * width / stage.face_pixels, 230.0)
    lean = 0.5 if kind == "pc" else 1.0
    turn = tilted(lean * stage.pick(-0.3, 0.3), lean * stage.pick(-0.3, 0.3), lean * stage.pick(-0.12, 0.12))
    placement = Placement(stage.view.point(*stage.center, distance=distance), turn)
    hit = intersect(stage.view, placement)
    density = stage.view.pixels_per_mm(distance)
    offset = (stage.pick(-0.06, 0.06) * wide, stage.pick(0.02, 0.14) * high)
    screen = (offset[0] - wide / 2, offset[1] - high / 2, offset[0] + wide / 2, offset[1] + high / 2)
    side, foot = rng.uniform(*display.bezel), rng.uniform(*display.bezel) * (2.2 if kind == "pc" else 1.6)
    body = (screen[0] - side, screen[1] - side * 1.3, screen[2] + side, screen[3] + foot)
    lit = soft_rectangle(hit.across, hit.down, screen, pixels_per_mm=density)
    coverage = soft_rectangle(hit.across, hit.down, body, pixels_per_mm=density)
    codes = lay(
        photo, hit.across, hit.down, scale=scale, pixels_per_mm=density, fill=float(rng.choice([0.0, 0.05, 0.9]))
    )
    oled = bool(rng.random() < display.oled)
    pitch = 25.4 / rng.uniform(*display.density)
    peak = min(rng.uniform(*display.level) / stage.light.brightness, 14.0)
    light = shown(rng, codes, oled=oled, lean=abs(turn[2, 0]) + abs(turn[2, 1]))
    light *= subpixels(stage, hit.across, hit.down, pitch=pitch, oled=oled)
    flicker = 1 + np.float32(rng.uniform(0, 0.05)) * np.sin(
        hit.down * np.float32(2 * np.pi / rng.uniform(40, 200)) + np.float32(rng.uniform(0, 6.3))
    )
    emission = light * (np.float32(peak) * lit * flicker)[..., None]
    shape = (*lit.shape, 3)
    shell = np.float32(rng.choice([0.02, 0.03, 0.05, 0.6]) if kind != "phone" else 0.025)
    albedo = np.broadcast_to((shell + (np.float32(0.012) - shell) * lit)[..., None], shape)
    # Panels neither emit nor scatter near infrared: the polarizer and black matrix swallow the flash.
    nir = np.float32(0.12) + (np.float32(rng.uniform(0.015, 0.05)) - np.float32(0.12)) * lit
    matt = kind == "pc" and rng.random() < 0.6
    surface = Surface(
        np.asarray(albedo, np.float32), nir, hit.depth, hit.normal, np.full_like(lit, 0.4 if matt else 1.0),
        np.full_like(lit, 0.55 if matt else 1.0), emission.astype(np.float32), coverage,
    )  # fmt: skip
    behind = cast_shadow(surface, stage.background, toward_light=stage.light.direction, strength=0.4)
    scene = over(surface, behind)
    if kind != "pc" and rng.random() < 0.85:
        hand = holding_hand(stage, placement, body, grip="wrap" if kind == "phone" else "sides")
        scene = scene if hand is None else over(hand, scene)
    landmarks, box = seen_face(stage, placement, photo, scale=scale)
    return StagedPresentation(scene, landmarks, box, distance, {"panel": "oled" if oled else "lcd"})


def shown(rng: np.random.Generator, codes: F32, *, oled: bool, lean: float) -> F32:
    """Light of the panel, 1 for white: gamma, contrast, color temperature, gamut, washed out when seen from aside."""
    curve = decode(codes) ** np.float32(rng.uniform(0.9, 1.12))
    black = 0.0002 if oled else 0.0012 + 0.03 * lean**2
    gray = curve.mean(axis=2, keepdims=True)
    vivid = rng.uniform(1.0, 1.22) if oled else rng.uniform(0.8, 1.05)
    color = np.clip(gray + (curve - gray) * np.float32(vivid), 0, 1)
    tint = blackbody_tint(float(rng.uniform(6200, 9600))) ** np.float32(0.8)
    return np.asarray((black + (1 - black) * color) * tint, np.float32)


def subpixels(stage: SpeciesStage, across: F32, down: F32, *, pitch: float, oled: bool) -> F32:
    """What the sensor's lattice makes of the panel's subpixels, `(h, w, 3)` around 1."""
    out = np.ones((*across.shape, 3), np.float32)
    defocus = stage.blur * stage.pick(0.8, 1.5)
    for c in range(3):
        harmonics = diamond(c) if oled else stripe(c)
        out[..., c] += sampled(across, down, harmonics, pitch=pitch, native=stage.native, blur=defocus, green=c == 1)
    return np.clip(out, 0.05, 3)
