"""Input and output of every species: the stage of a capture, and the presentation built on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.scene.filters import blurred, through_jpeg
from facewarden.data.simulate.scene.light import ENCODE, LUMA, Light, sample_light
from facewarden.data.simulate.scene.shading import diffuse
from facewarden.data.simulate.scene.surface import PlacedHead, Surface, over, place_head, plain
from facewarden.data.simulate.scene.view import F32, PinholeView
from facewarden.data.simulate.sensor.habits import Habits

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class SpeciesStage:
    """Everything that a species needs to build one presentation.

    Attributes:
        rng: source of every choice of the species.
        view: the camera.
        distance: mm at which this sensor expects a face.
        face_pixels: width of the face box in the frame.
        center: pixel of the middle of the face box.
        victim: the attacked identity (the label's subject).
        wearer: the attacker, or the same person when nobody else is in the scene.
        background: what is behind.
        light: the scene's light.
        native: sensor pixels per frame pixel (aliasing happens on the sensor's own lattice).
        blur: lens blur in sensor pixels.
        wavelength: of the near-infrared band, nm.
        quality: of the instrument, "low", "medium" or "high"; read by version 2 alone.
        subtype: of a bona fide presentation; read by version 2 alone.
        workshop: source of what the site's instruments of this species have in common; in version 1 nothing.
        habits: how the site's instruments of this species differ from a face; None before version 3.
        photo: the picture that sheets and panels of version 2 show; None for one that is taken of the victim.
    """

    rng: np.random.Generator
    view: PinholeView
    distance: float
    face_pixels: float
    center: tuple[float, float]
    victim: FaceMaps
    wearer: FaceMaps
    background: Surface
    light: Light
    native: float
    blur: float
    wavelength: int
    quality: str = "medium"
    subtype: str = "plain"
    workshop: np.random.Generator | None = None
    habits: Habits | None = None
    photo: Photo | None = None

    @property
    def maker(self) -> np.random.Generator:
        """Source of choices by who made the instrument."""
        return self.rng if self.workshop is None else self.workshop

    def made(self, low: int | float, high: int | float) -> float:
        """A uniform number that whoever made the instrument has chosen."""
        return float(self.maker.uniform(low, high))

    def pick(self, low: int | float, high: int | float) -> float:
        """A uniform number."""
        return float(self.rng.uniform(low, high))


@dataclass(frozen=True)
class StagedPresentation:
    """What is in front of the camera, with the face's place in the frame."""

    surface: Surface
    landmarks: F32
    box: F32
    distance: float
    attributes: Attributes = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Photo:
    """A picture of the victim that an attacker has: sRGB-encoded float32 in [0, 1], and where the face is in it."""

    image: F32
    landmarks: F32
    box: F32
    mm_per_pixel: float

    @property
    def middle(self) -> F32:
        """Pixel `(2,)` in the middle of the face box."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, np.float32)

    @property
    def marks(self) -> F32:
        """Landmarks and then corners of the face box, `(9, 2)` pixels; `face_of` takes them apart."""
        x0, y0, x1, y1 = self.box
        return np.concatenate([self.landmarks, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)])

    def to_shrink(self, scale: float) -> F32:
        """The image, blurred where it will be made so much smaller that it would alias.

        Args:
            scale: by which its size will be multiplied.
        """
        return blurred(self.image, 0.42 / scale) if scale < 0.8 else self.image


def face_of(marks: NDArray[np.floating]) -> tuple[F32, F32]:
    """Landmarks `(5, 2)` and the box `(4,)` about the corners, of `Photo.marks` where they were brought to."""
    corners = marks[5:]
    return marks[:5].astype(np.float32), np.concatenate([corners.min(0), corners.max(0)]).astype(np.float32)


def face_width(maps: FaceMaps) -> float:
    """Width of the face box in mm."""
    return float(maps.box[2] - maps.box[0]) * maps.mm_per_pixel


def place(stage: SpeciesStage, maps: FaceMaps, *, distance: float | None = None) -> PlacedHead:
    """Put a head where the capture wants the face, at a given distance or where it gets the wanted width."""
    real = stage.view.focal * face_width(maps) / stage.face_pixels if distance is None else distance
    return place_head(maps, stage.view, distance=real, center=stage.center, roll=stage.pick(-0.09, 0.09))


def encode(linear: F32) -> F32:
    """Linear light to sRGB code values, both in [0, 1]."""
    return np.take(ENCODE, (np.clip(linear, 0, 1) * np.float32(4095) + np.float32(0.5)).astype(np.int32))


_LEVELS = np.arange(4096, dtype=np.float32) / 4095
_DECODE = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


def decode(codes: F32) -> F32:
    """sRGB code values to linear light, both in [0, 1] (a table of 4096 steps)."""
    return np.take(_DECODE, (np.clip(codes, 0, 1) * np.float32(4095) + np.float32(0.5)).astype(np.int32))


def jpeg(codes: F32, quality: int) -> F32:
    """Code values after one JPEG compression."""
    image = (np.clip(codes, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.asarray(through_jpeg(image, quality) * np.float32(1 / 255), np.float32)


def photograph(
    rng: np.random.Generator, maps: FaceMaps, *, illumination: str = "normal", detail: float = 1.0, evened: float = 0.0
) -> Photo:  # fmt: skip
    """Take the picture that the attacker prints or shows: own light, own plain background, blur and JPEG.

    Args:
        rng: draws them.
        maps: of the person.
        illumination: of the photo.
        detail: pixels of the photo per pixel of the maps: a photo of many pixels keeps more than the maps show, and
            its own blur and JPEG are within one of theirs.
        evened: share of the light's shading that is taken out, as artists do with a picture for a relief of its own.
    """
    size = maps.albedo.shape[0]
    view = PinholeView(size, 1000.0 / maps.mm_per_pixel)
    x0, y0, x1, y1 = (float(v) for v in maps.box)
    head = place_head(maps, view, distance=1000.0, center=((x0 + x1) / 2, (y0 + y1) / 2))
    light = sample_light(rng, illumination, environment="indoor" if rng.random() < 0.7 else "outdoor")
    wall = plain(size, albedo=float(rng.uniform(0.08, 0.85)), nir=0.5, depth=2000.0)
    tint = 1 + 0.25 * rng.uniform(-1, 1, 3)
    slope = 1 + float(rng.uniform(-0.4, 0.4)) * np.linspace(-1, 1, size, dtype=np.float32)[None, :, None]
    wall.albedo[:] = np.clip(wall.albedo * tint.astype(np.float32) * slope, 0.01, 0.95)
    scene = over(head.surface, wall)
    radiance = diffuse(scene, light, pixels_per_mm=1 / maps.mm_per_pixel, distance=1000.0)
    white = light.key + light.sky + light.bounce
    if evened:
        radiance = radiance + np.float32(evened) * (scene.albedo * (0.7 * white).astype(np.float32) - radiance)
    radiance *= float(white.mean()) / white
    face = radiance[int(max(y0, 0)) : int(y1), int(max(x0, 0)) : int(x1)] @ LUMA
    radiance *= float(rng.uniform(0.75, 1.0)) * 0.8 / max(float(np.percentile(face[::3, ::3], 95)), 1e-4)
    image = encode(radiance)
    blur, quality = float(rng.uniform(0.35, 0.8)) / detail, int(rng.integers(70, 94))
    image = blurred(image, blur) if blur > 0.25 else image
    # The error of a coefficient is that of its quantization, over the pixels that are averaged.
    quality = quality if detail == 1 else round(100 - (100 - quality) / detail)
    return Photo(jpeg(image, quality), head.landmarks, head.box, maps.mm_per_pixel)


def region(regions: NDArray[np.uint8], *names: str) -> F32:
    """1 where one of the named regions is, 0 elsewhere."""
    table = np.zeros(256, np.float32)
    for name in names:
        table[REGIONS.index(name)] = 1
    return np.asarray(table[regions], np.float32)


def skin_of(maps: FaceMaps) -> tuple[F32, float]:
    """Median skin reflectance of a person in color `(3,)` and near infrared."""
    skin = maps.regions[::4, ::4] == REGIONS.index("skin")
    if not skin.any():
        return np.array([0.45, 0.3, 0.22], np.float32), 0.55
    return np.median(maps.albedo[::4, ::4][skin], axis=0).astype(np.float32), float(np.median(maps.nir[::4, ::4][skin]))
