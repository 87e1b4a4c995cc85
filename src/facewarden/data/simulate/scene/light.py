"""Scene light: four kinds of illumination indoors and outdoors, in color."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ILLUMINATIONS

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
