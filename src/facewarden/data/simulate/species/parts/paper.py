"""Printed paper: a photo after printing, in color and in the near infrared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facewarden.data.simulate.scene.grids import halftone, sampled
from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.stage import Photo, SpeciesStage, decode

_SCREENS = (15.0, 75.0, 0.0)  # cyan works on red, magenta on green, yellow on blue


@dataclass(frozen=True)
class Paper:
    """A printer with its paper.

    Attributes:
        ink: "dye" (inkjet, transparent to near infrared), "pigment" (inkjet with carbon black) or "toner" (laser).
        gloss: mirror-like part of the paper, 0.05 office … 0.9 photo paper.
        white: `(3,)` reflectance of the bare paper.
        black: reflectance of full ink.
        saturation: share of the photo's color that the inks reach.
        gain: exponent of the dot gain, above 1 darkens middle tones.
        pitch: period of the halftone in mm for toner, size of an ink dot for inkjets.
        nir: reflectance of the bare paper in the near infrared.
    """

    ink: str
    gloss: float
    white: F32
    black: float
    saturation: float
    gain: float
    pitch: float
    nir: float


def sample_paper(rng: np.random.Generator, *, ink: str | None = None) -> Paper:
    """Draw a printer and its paper; the kind of ink may be given."""
    kind = ink or str(rng.choice(["dye", "pigment", "toner"], p=[0.4, 0.25, 0.35]))
    photo = kind != "toner" and rng.random() < 0.5
    gloss = {True: rng.uniform(0.55, 0.95), False: rng.uniform(0.06, 0.2)}[bool(photo)]
    if kind == "toner":
        gloss = rng.uniform(0.2, 0.5)
    white = rng.uniform(0.76, 0.9) * (1 + rng.uniform(-0.03, 0.03, 3) + np.array([-0.01, 0, 0.02]))
    return Paper(
        kind,
        float(gloss),
        white.astype(np.float32),
        float(rng.uniform(0.02, 0.035) if photo else rng.uniform(0.045, 0.085)),
        float(rng.uniform(0.85, 0.97) if photo else rng.uniform(0.62, 0.88)),
        float(rng.uniform(0.95, 1.3)),
        float(25.4 / rng.uniform(106, 175) if kind == "toner" else 25.4 / rng.uniform(300, 720)),
        float(rng.uniform(0.7, 0.86)),
    )


def printed(stage: SpeciesStage, paper: Paper, codes: F32, *, across: F32, down: F32, inked: F32) -> tuple[F32, F32]:
    """Reflectance of printed paper, in color `(h, w, 3)` and near infrared `(h, w)`.

    Args:
        stage: the capture (its sensor decides what of the halftone remains).
        paper: printer and paper.
        codes: `(h, w, 3)` code values of the photo as they lie on the paper, in the frame.
        across, down: `(h, w)` mm on the paper.
        inked: `(h, w)` soft mask of the printed part, bare paper outside.
    """
    rng = stage.rng
    linear = decode(codes)
    gray = (linear @ LUMA)[..., None]
    tone = np.clip(gray + (linear - gray) * np.float32(paper.saturation), 0, 1)
    tone = np.power(tone, np.float32(paper.gain))
    middle = 4 * tone * (1 - tone)
    if paper.ink == "toner":
        for c, angle in enumerate(_SCREENS):
            wave = sampled(across, down, halftone(angle), pitch=paper.pitch, native=stage.native, blur=stage.blur,
                           green=c == 1)  # fmt: skip
            tone[..., c] += 0.6 * middle[..., c] * wave
    else:
        # A scattered dot pattern has no period: what is left of it in a pixel is noise, by the number of dots there.
        pixel = 1 / stage.view.pixels_per_mm(stage.distance)
        grain = 0.5 * paper.pitch / max(pixel, 1e-3)
        noise = rng.standard_normal(tone.shape, dtype=np.float32)
        tone = tone + np.float32(min(grain, 0.06)) * np.sqrt(np.clip(middle, 0, 1)) * noise
        passes = np.sin(down * np.float32(2 * np.pi / rng.uniform(5, 18)) + np.float32(rng.uniform(0, 6)))
        tone = tone * (1 + np.float32(rng.uniform(0, 0.02)) * passes[..., None])
    tone = np.clip(tone, 0, 1)
    fiber = 1 + np.float32(0.012) * smooth_noise(rng, across.shape[0], cells=across.shape[0] // 4)
    white = paper.white * fiber[..., None]
    color = paper.black + (white - paper.black) * tone
    color = white + (color - white) * inked[..., None]
    darkness = 1 - np.clip(codes.max(axis=2), 0, 1)
    carbon = {"dye": 0.05, "pigment": 0.55, "toner": 0.82}[paper.ink]
    nir = paper.nir * fiber * (1 - carbon * inked * darkness ** np.float32(1.3))
    return color.astype(np.float32), np.asarray(nir, np.float32)


def lay(photo: Photo, across: F32, down: F32, *, scale: float, pixels_per_mm: float, fill: float = 0.0) -> F32:
    """The photo as it lies on a sheet, sampled in the frame.

    Args:
        photo: the picture.
        across, down: `(h, w)` mm on the sheet, zero at the middle of the face box.
        scale: mm on the sheet per pixel of the photo.
        pixels_per_mm: of the frame, to blur the photo before it is made smaller.
        fill: code value outside the photo.
    """
    middle, image = photo.middle, photo.to_shrink(scale * pixels_per_mm)
    x = across * np.float32(1 / scale) + np.float32(middle[0])
    y = down * np.float32(1 / scale) + np.float32(middle[1])
    return np.asarray(
        cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 3), np.float32
    )


def soft_rectangle(across: F32, down: F32, edges: tuple[float, float, float, float], *, pixels_per_mm: float) -> F32:
    """Soft mask of left, top, right, bottom (mm), one pixel wide at its edge."""
    left, top, right, bottom = (np.float32(v) for v in edges)
    inside = np.minimum(np.minimum(across - left, right - across), np.minimum(down - top, bottom - down))
    return np.asarray(np.clip(inside * np.float32(pixels_per_mm) + 0.5, 0, 1), np.float32)
