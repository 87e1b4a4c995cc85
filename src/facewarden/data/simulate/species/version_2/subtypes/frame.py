"""Coordinates in millimeters on a placed head, in which what is worn is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.stage import SpeciesStage
from facewarden.data.simulate.species.parts.worn import normals


@dataclass(frozen=True)
class WornFrame:
    """A placed head's own coordinates.

    Attributes:
        u, v: `(h, w)` mm right of and below the point between the eyes, along the face.
        turn: how far (mm) the face's middle is shifted against the skull's, by yaw; positive to the image's right.
        mouth, chin, top: mm below the eyes of the mouth, the chin and the hairline.
        half: half width of the face in mm.
        density: pixels per mm.
        far: depth (mm) of the plane through the ears.
    """

    u: F32
    v: F32
    turn: float
    mouth: float
    chin: float
    top: float
    half: float
    density: float
    far: float

    @classmethod
    def of(cls, stage: SpeciesStage, head: PlacedHead) -> WornFrame:
        """Measure a head in its place."""
        density = stage.view.pixels_per_mm(stage.distance)
        marks = head.landmarks
        eyes = marks[1] - marks[0]
        unit = float(np.linalg.norm(eyes)) + 1e-6
        c, s = np.float32(eyes[0] / unit), np.float32(eyes[1] / unit)
        middle = (marks[0] + marks[1]) / 2
        line = np.arange(stage.view.size, dtype=np.float32)
        x, y = line[None, :] - np.float32(middle[0]), line[:, None] - np.float32(middle[1])
        inverse = np.float32(1 / density)

        def place(point: F32) -> tuple[float, float]:
            dx, dy = point - middle
            return float(dx * c + dy * s) / density, float(-dx * s + dy * c) / density

        mouth = place((marks[3] + marks[4]) / 2)
        nose = place(marks[2])
        x0, y0, x1, y1 = head.box
        # The tip of the nose lies some 45 mm before the middle of the head: what it is off is what yaw turned.
        return cls(
            np.asarray((x * c + y * s) * inverse, np.float32), np.asarray((-x * s + y * c) * inverse, np.float32),
            float(np.clip(nose[0] - 0.4 * mouth[0], -25, 25)), mouth[1], float(y1 - middle[1]) / density,
            float(y0 - middle[1]) / density, float(x1 - x0) / (2 * density), density, stage.distance + 82.0,
        )  # fmt: skip

    def step(self, millimeters: F32) -> F32:
        """Soft mask, one where a signed distance (mm) is positive."""
        return np.asarray(np.clip(millimeters * np.float32(self.density) + np.float32(0.5), 0, 1), np.float32)


def cloth(
    stage: SpeciesStage, frame: WornFrame, *, coverage: F32, depth: F32, color: F32, nir: float, rough: float
) -> Surface:
    """A layer of textile, felt or paper: matt, with a texture that is alike in color and infrared.

    Args:
        stage: the capture.
        frame: of the head.
        coverage: `(h, w)` soft outline.
        depth: `(h, w)` mm.
        color: `(3,)` or `(h, w, 3)` linear reflectance.
        nir: reflectance in near infrared, which says nothing about the color (dyes are transparent there).
        rough: strength of the texture.
    """
    size = stage.view.size
    grain = 1 + np.float32(rough) * smooth_noise(stage.rng, size, cells=max(8, size // 3))
    shape = (size, size)
    albedo = np.broadcast_to(color, (*shape, 3)) * grain[..., None]
    return Surface(
        np.clip(albedo, 0.005, 0.95).astype(np.float32),
        np.clip(np.float32(nir) * (1 + 0.5 * (grain - 1)), 0.01, 0.95).astype(np.float32),
        np.asarray(depth, np.float32), normals(np.asarray(depth, np.float32), pixels_per_mm=frame.density),
        np.full(shape, 0.04, np.float32), np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32), coverage,
    )  # fmt: skip


def dye(stage: SpeciesStage, *, bright: float = 0.85) -> F32:
    """A color of clothing, `(3,)` linear reflectance."""
    value = 0.02 + (bright - 0.02) * stage.rng.beta(1.2, 2.0)
    return np.asarray(np.clip(value * (1 + stage.rng.normal(0, 0.35, 3)), 0.01, 0.9), np.float32)
