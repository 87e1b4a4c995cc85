"""Scene light: four kinds of illumination indoors and outdoors, and how a surface answers it, in color."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ILLUMINATIONS

if TYPE_CHECKING:
    from facewarden.data.simulate.surface import Surface

F32 = NDArray[np.float32]

ENVIRONMENTS = ("indoor", "outdoor")
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LEVELS = np.arange(4096, dtype=np.float32) / 4095
ENCODE = np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055).astype(np.float32)
"""sRGB code values of 4096 levels of linear light."""
_PHOTO_KEY = np.array([0.0, -0.35, 0.94], np.float32)


@dataclass(frozen=True)
class Panel:
    """A bright rectangle (window, lamp) that a mirror-like surface may show.

    Attributes:
        center: its direction as the x and y components of a unit vector from the scene, z toward the camera.
        half: half width and half height in the same measure.
        radiance: `(3,)` linear light.
        bars: number of window bars across.
    """

    center: tuple[float, float]
    half: tuple[float, float]
    radiance: NDArray[np.float32]
    bars: int


@dataclass(frozen=True)
class Light:
    """The light of one capture, in units where a white wall in ordinary room light has radiance near 1.

    Attributes:
        illumination: one of `ILLUMINATIONS`.
        environment: one of `ENVIRONMENTS`.
        direction: `(3,)` unit vector from the scene to the key light.
        key: `(3,)` irradiance of the key light.
        sky: `(3,)` diffuse irradiance from above.
        bounce: `(3,)` diffuse irradiance from below and from the camera's side.
        backdrop: factor on the radiance of the background (a bright window behind the head is 4 to 8).
        sharpness: 0 soft box … 1 bare sun; sharpens shadows and highlights.
        panels: bright rectangles on the camera's side.
        nir: near-infrared irradiance of the scene relative to the sensor's own flash at half a meter.
        brightness: overall level relative to ordinary room light; the camera turns what is missing into noise.
    """

    illumination: str
    environment: str
    direction: NDArray[np.float32]
    key: NDArray[np.float32]
    sky: NDArray[np.float32]
    bounce: NDArray[np.float32]
    backdrop: float
    sharpness: float
    panels: tuple[Panel, ...]
    nir: float
    brightness: float


def photo_irradiance(normal: F32) -> F32:
    """The frontal studio light that a photo-lit albedo is taken to hold; dividing by it leaves an approximate albedo.

    Bounded to [0.7, 1] because a wrong division at the silhouette is worse than a remaining shadow.
    """
    lambert = np.clip(normal @ _PHOTO_KEY, 0, 1)
    return np.asarray(np.clip(0.55 + 0.45 * lambert, 0.7, 1.0), np.float32)


def blackbody_tint(kelvin: float) -> NDArray[np.float32]:
    """Linear RGB color of a Planckian light, scaled to luminance 1.

    Wien's approximation at 610, 545 and 465 nm relative to 6500 K, so that 6500 K is neutral.
    """
    meters = np.array([610e-9, 545e-9, 465e-9])
    tint = np.exp(1.4388e-2 / meters * (1 / 6500 - 1 / kelvin))
    tint = tint / (tint @ LUMA)
    return np.asarray(tint, np.float32)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def sample_light(rng: np.random.Generator, illumination: str, *, environment: str) -> Light:
    """Draw the light of a capture.

    Args:
        rng: source of every random choice.
        illumination: "normal", "strong" (hard key light), "back" (light from behind) or "dark".
        environment: "indoor" or "outdoor" (bluer fill, sunlight with a near-infrared part).
    """
    if illumination not in ILLUMINATIONS or environment not in ENVIRONMENTS:
        raise BadInputError(
            f"unknown light {illumination!r}, {environment!r}",
            hint=f"illumination is one of {ILLUMINATIONS}, environment one of {ENVIRONMENTS}",
        )
    outdoor = environment == "outdoor"
    warm = blackbody_tint(_between(rng, 4800.0, 6000.0) if outdoor else _between(rng, 2900.0, 5200.0))
    cool = blackbody_tint(_between(rng, 6500.0, 9500.0) if outdoor else _between(rng, 3400.0, 5600.0))
    azimuth = _between(rng, -0.9, 0.9)
    elevation = _between(rng, 0.25, 0.9)
    key, fill, backdrop, sharp = {
        "normal": (_between(rng, 0.45, 0.8), _between(rng, 0.45, 0.75), _between(rng, 0.7, 1.2), 0.2),
        "strong": (_between(rng, 1.9, 3.2), _between(rng, 0.3, 0.5), _between(rng, 0.7, 1.3), 0.85),
        "back": (_between(rng, 0.6, 1.4), _between(rng, 0.22, 0.4), _between(rng, 3.5, 8.0), 0.5),
        "dark": (_between(rng, 0.1, 0.6), _between(rng, 0.25, 0.5), _between(rng, 0.3, 0.9), 0.3),
    }[illumination]
    if illumination == "strong":
        azimuth *= 1.45
    if illumination == "back":
        azimuth = float(np.sign(azimuth)) * _between(rng, 2.0, 2.8)
    direction = np.array([
        np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation),
    ], np.float32)  # fmt: skip
    brightness = {"normal": 1.0, "strong": 1.6, "back": 1.0, "dark": 0.035}[illumination]
    if outdoor and illumination != "dark":
        brightness *= _between(rng, 4.0, 9.0)
    sun = {"normal": 0.25, "strong": 0.9, "back": 0.45, "dark": 0.004}[illumination] if outdoor else 0.012
    panels = []
    for _ in range(int(rng.integers(1, 3))):
        where = (_between(rng, -0.45, 0.45), _between(rng, -0.5, 0.2))
        half = (_between(rng, 0.04, 0.16), _between(rng, 0.06, 0.2))
        glow = (warm if rng.random() < 0.4 else cool) * np.float32(_between(rng, 5.0, 22.0) * (key + fill))
        panels.append(Panel(where, half, glow, int(rng.integers(0, 3))))
    return Light(
        illumination, environment, direction, warm * np.float32(key), cool * np.float32(fill),
        (warm + cool) * np.float32(0.5 * fill * _between(rng, 0.4, 0.7)), backdrop, sharp * _between(rng, 0.8, 1.1),
        tuple(panels), sun * _between(rng, 0.6, 1.4), brightness,
    )  # fmt: skip


def occlusion(depth: F32, *, pixels_per_mm: float, distance: float) -> F32:
    """Share of the sky that a point sees, from how much nearer its neighborhood is; soft, in [0.45, 1].

    Args:
        depth: `(h, w)` mm.
        pixels_per_mm: scale, so that the neighborhood is 14 mm and 40 mm wide whatever the frame's size is.
        distance: of the face; what lies far behind it is open, since a step to the background is not a hollow.
    """
    openness = np.ones_like(depth)
    for reach, weight in ((14.0, 0.016), (40.0, 0.008)):
        width = max(3, int(reach * pixels_per_mm) | 1)
        openness -= np.float32(weight) * np.clip(depth - cv2.blur(depth, (width, width)), 0, 22)
    return np.where(depth < distance + 200, np.maximum(openness, 0.45), np.float32(1))


def shade(surface: Surface, light: Light, *, toward: F32, pixels_per_mm: float, distance: float) -> tuple[F32, F32]:
    """Light a surface and look at it.

    Lambert's law for the matt part, a normalized Blinn-Phong lobe plus the mirrored panels for the glossy part
    (Schlick's Fresnel term with 4 % at normal incidence).

    Args:
        surface: what is there.
        light: what shines on it.
        toward: `(h, w, 3)` unit vectors to the camera.
        pixels_per_mm: scale of the frame where the surface is.
        distance: of the face in mm.

    Returns:
        linear radiance `(h, w, 3)`, and the part of it that was reflected mirror-like `(h, w, 3)`.
    """
    mirrored = _mirrored(surface, light, toward)
    radiance = diffuse(surface, light, pixels_per_mm=pixels_per_mm, distance=distance)
    radiance += mirrored
    radiance += surface.emission
    return radiance, mirrored


def diffuse(surface: Surface, light: Light, *, pixels_per_mm: float, distance: float) -> F32:
    """The matt part of `shade`: Lambert's law for the key light, a bright upper and a darker lower half space."""
    normal = surface.normal
    openness = occlusion(surface.depth, pixels_per_mm=pixels_per_mm, distance=distance)
    lambert = np.clip(normal @ light.direction, 0, 1)
    # Cavities are hidden from a soft key light as well, from a hard one only partly.
    lambert *= 1 - np.float32(1.2 - 0.7 * min(light.sharpness, 1.0)) * (1 - openness)
    lower = openness * (np.float32(0.5) + np.float32(0.5) * normal[..., 1])
    frontal = openness * np.clip(normal[..., 2], 0, 1)
    weights = np.stack([openness - lower, lower + np.float32(0.5) * frontal, lambert], axis=-1)
    colors = np.stack([light.sky, light.bounce, light.key]).astype(np.float32)
    return np.asarray(surface.albedo * (weights @ colors), np.float32)


def _mirrored(surface: Surface, light: Light, toward: F32) -> F32:
    """Radiance reflected mirror-like: a lobe of the key light, a veil of the surroundings, sharp panels."""
    normal, gloss, polish = surface.normal, surface.gloss, surface.polish
    facing = np.clip(np.einsum("hwc,hwc->hw", normal, toward), 0, 1)
    grazing = np.square(np.square(1 - facing)) * (1 - facing)
    # Rough surfaces never reach the full grazing reflection of a mirror: a third of it.
    fresnel = gloss * (np.float32(0.04) + np.float32(0.34) * grazing)
    half = toward + light.direction
    half /= np.sqrt(np.einsum("hwc,hwc->hw", half, half))[..., None] + np.float32(1e-6)
    cosine = np.clip(np.einsum("hwc,hwc->hw", normal, half), 1e-4, 1)
    power = np.exp2(np.float32(3.6 + 0.8 * light.sharpness) + np.float32(5.0) * polish)
    lobe = (power + 8) / 8 * np.exp(power * np.log(cosine)) * (normal @ light.direction > 0)
    veil = (light.sky + light.bounce) * np.float32(0.35)
    out = (fresnel * lobe)[..., None] * light.key + fresnel[..., None] * veil
    if float(polish.max()) > 0.3:
        out += _panels(surface, light, toward, facing) * fresnel[..., None]
    return np.asarray(out, np.float32)


def _panels(surface: Surface, light: Light, toward: F32, facing: F32) -> F32:
    """The bright rectangles of the camera's side as the surface mirrors them; the less polish, the softer."""
    bounced = 2 * facing[..., None] * surface.normal - toward
    soft = np.float32(0.012) + np.float32(0.35) * (1 - surface.polish) ** 2
    keep = np.clip((surface.polish - 0.25) * 3, 0, 1)
    total = np.zeros_like(surface.albedo)
    for panel in light.panels:
        across = (bounced[..., 0] - np.float32(panel.center[0])) / np.float32(panel.half[0])
        upward = (bounced[..., 1] - np.float32(panel.center[1])) / np.float32(panel.half[1])
        inside = _soft_box(across, soft / panel.half[0]) * _soft_box(upward, soft / panel.half[1])
        if panel.bars:
            wave = np.abs(np.mod((across + 1) * panel.bars / 2 + 0.5, 1) - 0.5)
            inside = inside * np.clip(wave / 0.06 + soft * 4, 0, 1)
        total += (inside * keep)[..., None] * panel.radiance
    return total


def _soft_box(x: F32, soft: F32) -> F32:
    return np.asarray(np.clip((1 + soft - np.abs(x)) / (2 * soft), 0, 1), np.float32)
