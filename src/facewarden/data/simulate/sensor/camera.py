"""The color camera and the near-infrared camera: from light to code values."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.filters import blurred, resized, through_jpeg
from facewarden.data.simulate.scene.light import ENCODE, LUMA, Light
from facewarden.data.simulate.scene.surface import Surface
from facewarden.data.simulate.scene.view import F32, pixel_grid
from facewarden.data.simulate.sensor.automatics import DRIFT, VIVIDNESS, Automatics, gray_world, infrared_gain, metered
from facewarden.data.simulate.sensor.chain import ColorChain, InfraredChain, developed, developed_infrared
from facewarden.data.simulate.sensor.domains import ColorSensor, InfraredSensor

_ROOM = 0.6
"""What an unfiltered camera gets from a white wall in room light, relative to the flash at half a meter (a guess)."""


def expose(
    radiance: F32, sensor: ColorSensor, light: Light, *, box: F32, automatics: Automatics | None = None
) -> float:
    """Gain of auto-exposure, which stops at the sensor's reach.

    Args:
        radiance: `(h, w, 3)` linear.
        sensor: the camera.
        light: the scene's light (its overall level decides how much gain there is).
        box: `(4,)` pixels of the face.
        automatics: where the camera measures; without them the face and the frame alike, as in version 1.
    """
    if automatics is not None:
        level = metered(radiance @ LUMA, box=box, metering=automatics.metering)
        return float(min(sensor.target / max(level, 1e-4), 2 * sensor.reach * light.brightness))
    x0, y0 = (int(v) for v in np.clip(box[:2], 0, radiance.shape[0] - 1))
    x1, y1 = (int(v) for v in np.clip(box[2:], 1, radiance.shape[0]))
    luma = np.minimum(radiance[::4, ::4] @ LUMA, 4.0)
    face = radiance[y0 : max(y1, y0 + 1) : 3, x0 : max(x1, x0 + 1) : 3] @ LUMA
    level = 0.5 * float(luma.mean()) + 0.5 * float(face.mean())
    return float(min(sensor.target / max(level, 1e-4), 2 * sensor.reach * light.brightness))


def color_image(
    rng: np.random.Generator,
    radiance: F32,
    *,
    sensor: ColorSensor,
    light: Light,
    box: F32,
    automatics: Automatics | None = None,
    chain: ColorChain | None = None,
) -> tuple[NDArray[np.uint8], float]:
    """Take the color picture: lens, exposure, noise, white balance, tone curve, sharpening, JPEG.

    Args:
        rng: for exposure, noise and compression.
        radiance: `(h, w, 3)` linear.
        sensor: the camera.
        light: the scene's light.
        box: `(4,)` pixels of the face.
        automatics: exposure and white balance of version 2; without them those of version 1, whose white balance
            knows the light instead of the picture.
        chain: image processor of version 2, instead of the sensor's own sharpening.

    Returns:
        `(h, w, 3)` uint8 sRGB, and the gain that auto-exposure chose.
    """
    size = radiance.shape[0]
    gain = expose(radiance, sensor, light, box=box, automatics=automatics) * float(rng.uniform(0.85, 1.15))
    image = radiance * np.float32(gain)
    narrow = round(size * sensor.resolution)
    if narrow < size:
        image = resized(image, narrow, cv2.INTER_AREA)
    lens = max(0.25, sensor.blur * narrow / sensor.pixels)
    image = blurred(image, lens) if lens > 0.3 else image
    # Noise: variance has a part that grows with the signal and a part that does not; both grow with analog gain.
    analog = max(gain / light.brightness, 0.4)
    shot, read = sensor.noise**2 * analog**0.8 / 0.36, (0.25 * sensor.noise) ** 2 * analog**1.1
    deviation = np.sqrt(np.float32(min(shot, 0.05)) * np.clip(image, 0, 1) + np.float32(min(read, 0.004)))
    image = image + deviation * rng.standard_normal(image.shape, dtype=np.float32)
    if analog > 4:  # the camera's own noise reduction smears what little is there
        image = blurred(image, min(0.45 + 0.02 * analog, 0.9))
    if narrow < size:
        image = resized(image, size)
    if automatics is None:
        white = light.key * np.float32(0.6) + light.sky + light.bounce
        balance = (float(white.mean()) / white) ** np.float32(sensor.adapt)
    else:
        drift = np.exp(DRIFT * rng.standard_normal(3, dtype=np.float32))
        balance = gray_world(image, balance=automatics.balance) * drift
    balance = balance * np.array(sensor.cast, np.float32)
    image = image * balance
    gray = (image @ LUMA)[..., None]
    saturation = sensor.saturation * (1.0 if automatics is None else float(rng.uniform(*VIVIDNESS)))
    image = np.clip(gray + (image - gray) * np.float32(saturation), 0, 1)
    codes: F32 = np.take(ENCODE, (image * np.float32(4095)).astype(np.int32))
    if chain is not None:
        codes = developed(codes, chain)
    elif sensor.sharpen:
        codes = codes + np.float32(sensor.sharpen) * (codes - blurred(codes, 1.0))
    out = (np.clip(codes, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    quality = int(rng.integers(sensor.quality[0], sensor.quality[1] + 1))
    decoded = through_jpeg(np.ascontiguousarray(out[..., ::-1]), quality)
    return np.ascontiguousarray(decoded[..., ::-1]), gain


def flash_return(surface: Surface, *, toward: F32) -> F32:
    """What the flash beside the lens gets back, `(h, w)`: reflectance, cosine, inverse square relative to half a meter.

    Glossy surfaces also mirror the flash itself where they face the camera.
    """
    cosine = np.clip(np.einsum("hwc,hwc->hw", surface.normal, toward), 0, 1)
    falloff = np.square(np.float32(500) / np.maximum(surface.depth, 120))
    return np.asarray((surface.nir * cosine + _lobe(surface, cosine)) * falloff, np.float32)


def flash_lobe(surface: Surface, *, toward: F32) -> F32:
    """The mirrored part of `flash_return` at half a meter, `(h, w)`."""
    return _lobe(surface, np.clip(np.einsum("hwc,hwc->hw", surface.normal, toward), 0, 1))


def _lobe(surface: Surface, cosine: F32) -> F32:
    power = np.exp2(np.float32(4.5) + np.float32(10.5) * surface.polish)
    lobe = surface.gloss * np.float32(0.04) * (power + 8) / 8 * np.exp(power * np.log(np.maximum(cosine, 1e-4)))
    return np.asarray(lobe, np.float32)


def infrared_image(
    rng: np.random.Generator,
    surface: Surface,
    *,
    sensor: InfraredSensor,
    light: Light,
    toward: F32,
    nominal: float,
    visible: F32 | None = None,
    automatics: Automatics | None = None,
    box: F32 | None = None,
    chain: InfraredChain | None = None,
) -> NDArray[np.uint8]:
    """Take the near-infrared picture.

    Args:
        rng: for the noise.
        surface: what is there.
        sensor: the camera; its exposure is set for skin at the nominal distance, and follows nearer objects by half.
        light: the scene's light, whose near-infrared part adds to the flash.
        toward: `(h, w, 3)` unit vectors to the camera.
        nominal: distance (mm) the exposure is set for.
        visible: `(h, w, 3)` linear radiance in color, of which the sensor's filter lets its leak through.
        automatics: gain of version 2; without them the exposure is fixed, as in version 1.
        box: `(4,)` pixels of the face, for them.
        chain: image processor of version 2.
    """
    size = surface.depth.shape[0]
    flash = flash_return(surface, toward=toward)
    x, y = pixel_grid(size)
    flash *= 1 - np.float32(sensor.spread) * (x * x + y * y) / np.float32(0.5 * size * size)
    sun = np.float32(light.nir * sensor.sunlight)
    lambert = np.clip(surface.normal @ light.direction, 0, 1)
    ambient = surface.nir * sun * (np.float32(0.35) + np.float32(0.9) * lambert)
    ambient += np.float32(0.12) * sun * surface.emission.mean(2) * (surface.nir > 0.2)
    if sensor.leak and visible is not None:
        ambient += np.float32(_ROOM * sensor.leak * light.brightness) * (visible @ LUMA)
    full = (500 / nominal) ** 2 * 0.55
    image = (flash + ambient) * np.float32(sensor.exposure / full * rng.uniform(0.85, 1.18))
    image = blurred(image, max(0.3, sensor.blur * size / 224))
    noise = sensor.noise * (1.0 if chain is None else chain.noise)
    if automatics is not None and box is not None:
        gain = infrared_gain(image, automatics, box=box) * float(rng.uniform(0.85, 1.18))
        image, noise = image * np.float32(gain), noise * max(gain, 1.0) ** 0.5
    deviation = np.sqrt(np.float32(noise**2) * (np.float32(0.4) + np.clip(image, 0, 1)))
    image = image + deviation * rng.standard_normal(image.shape, dtype=np.float32)
    if chain is not None:
        return developed_infrared(np.asarray(image, np.float32), chain)
    codes = np.power(np.clip(image, 0, 1), np.float32(0.75))
    return np.asarray(codes * np.float32(255) + np.float32(0.5), np.uint8)
