"""What a site's cameras do to every picture after the sensor: lens, noise reduction, sharpening, coding (version 2).

One chain a site, the same for every capture of every class, so that how sharp or noisy a picture is tells its site and
not what stands before the camera. Read: cameras without moving lens are focused at one distance and blur at others by
a pixel or more; image processors smooth color more than brightness, smooth what differs little from its surroundings,
and sharpen; range cameras have fewer pixels than color cameras, and their drivers thin out, take medians and smooth.
Guessed: every range below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.filters import blurred, resized, through_jpeg
from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.sensor.domains import RangeSensor

FOCUS = (0.8, 1.6)
"""Range of the factor on the lens's blur from capture to capture, as nobody stands exactly in focus."""
UNREST = 0.45
"""Standard deviation of the logarithm of blur from capture to capture: people move, and exposures differ."""
GRAIN = 0.3
"""The same of noise."""
MOTION = 4.5
"""Blur of what moves, in pixels of a frame of 224 (version 3)."""
_NOMINAL = 224
"""Width of the frame, in pixels, that blurs of this file are given for."""


@dataclass(frozen=True)
class ColorChain:
    """From codes of the sensor to the color picture that is stored.

    Attributes:
        defocus: standard deviation of the lens's point spread at usual distances, in sensor pixels.
        contrast: exponent of a curve about middle gray, above 1 steeper.
        chroma: blur of color against brightness, in pixels of a frame of 224.
        smooth: differences of brightness that noise reduction takes for noise, 0 none.
        sharpen, radius: amount and blur (pixels of a frame of 224) of unsharp masking.
        soft: blur that scaling and video leave, in pixels of a frame of 224.
    """

    defocus: float
    contrast: float
    chroma: float
    smooth: float
    sharpen: float
    radius: float
    soft: float


@dataclass(frozen=True)
class InfraredChain:
    """From linear light to the infrared picture that is stored.

    Attributes:
        soft: as for color.
        smooth: as for color.
        noise: factor on the sensor's noise.
        gamma: exponent from light to codes.
        local: limit of contrast-limited histogram equalization in tiles, 0 none.
        sharpen: amount of unsharp masking.
        quality: of JPEG, 0 none.
    """

    soft: float
    smooth: float
    noise: float
    gamma: float
    local: float
    sharpen: float
    quality: int


@dataclass(frozen=True)
class DepthChain:
    """From what the range sensor measured to the depth that its driver gives.

    Attributes:
        grid: pixels of the sensor, as a share of the frame's.
        linear: whether the driver interpolates between them, instead of repeating them.
        median: side of a median filter in pixels of a frame of 224, below 3 none.
        smooth: differences (mm) that an edge-preserving filter takes for noise, 0 none.
    """

    grid: float
    linear: bool
    median: int
    smooth: float


@dataclass(frozen=True)
class Chain:
    """The three cameras of a site."""

    color: ColorChain
    infrared: InfraredChain
    depth: DepthChain

    def taken(self, rng: np.random.Generator, *, blur: float = 0.0) -> Chain:
        """The chain of one capture: its blur, which color and infrared share in part, and its noise.

        Args:
            rng: decides them.
            blur: of motion, in pixels of a frame of 224.
        """
        both, own, other, grain = rng.standard_normal(4).tolist()
        vary = [float(np.exp(UNREST * (0.8 * both + 0.6 * one))) for one in (own, other)]
        own_soft = (self.color.soft, self.infrared.soft)
        soft = [float(np.hypot(one * by, blur)) if blur else one * by for one, by in zip(own_soft, vary, strict=True)]
        color = replace(self.color, soft=min(soft[0], 3.0 + blur))
        infrared = replace(
            self.infrared, soft=min(soft[1], 3.0 + blur),
            noise=self.infrared.noise * float(np.exp(GRAIN * grain)),
        )  # fmt: skip
        return replace(self, color=color, infrared=infrared)


def draw_chain(rng: np.random.Generator) -> Chain:
    """Draw a site's chain, every value on its own."""

    def scaled(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def some(share: float, value: float) -> float:
        return value if rng.random() < share else 0.0

    color = ColorChain(
        scaled(0.6, 2.0), float(rng.uniform(0.8, 1.4)), float(rng.uniform(0.3, 3.0)), some(0.6, scaled(0.02, 0.12)),
        some(0.8, float(rng.uniform(0.1, 1.6))), scaled(0.7, 2.0), scaled(0.3, 1.4),
    )  # fmt: skip
    infrared = InfraredChain(
        scaled(0.4, 1.6), some(0.5, scaled(0.02, 0.1)), scaled(0.4, 2.5), float(rng.uniform(0.45, 1.0)),
        some(0.4, float(rng.uniform(1.2, 3.0))), some(0.5, float(rng.uniform(0.2, 1.2))),
        int(some(0.6, float(rng.integers(45, 96)))),
    )  # fmt: skip
    depth = DepthChain(
        scaled(0.3, 1.0), bool(rng.random() < 0.6), int(rng.choice([1, 1, 3, 5])), some(0.5, scaled(4.0, 20.0))
    )
    return Chain(color, infrared, depth)


def averaged(sensor: RangeSensor, *, still: bool) -> RangeSensor:
    """A range sensor whose driver averages over time (version 3): it rids what stands still of noise and dropouts.

    Read: drivers of range cameras have such filters, which keep what does not change. Guessed: a third of the noise and
    of the dropouts where everything is still; twice the noise and a tenth more dropouts where it moves between frames.

    Args:
        sensor: without averaging.
        still: whether what is before it stands still.
    """
    if still:
        return replace(sensor, noise=0.35 * sensor.noise, floor=0.35 * sensor.floor, holes=0.3 * sensor.holes)
    return replace(sensor, noise=2 * sensor.noise, floor=2 * sensor.floor, holes=sensor.holes + 0.1)


def developed(codes: F32, chain: ColorChain) -> F32:
    """The color picture after the image processor.

    Args:
        codes: `(h, w, 3)` sRGB code values in [0, 1].
        chain: of the site.
    """
    scale = codes.shape[0] / _NOMINAL
    luma: F32 = np.ascontiguousarray(codes @ LUMA)
    tint = blurred(codes - luma[..., None], max(0.3, chain.chroma * scale))
    luma = _smoothed(luma, chain.smooth)
    luma = _sharpened(luma, amount=chain.sharpen, radius=chain.radius * scale)
    bent = np.float32(0.5) + np.sign(luma - 0.5) * np.float32(0.5) * np.abs(2 * luma - 1) ** np.float32(
        1 / chain.contrast
    )
    luma = np.asarray(luma + (bent - luma) * np.float32(0.5), np.float32)
    return _softened(np.asarray(luma[..., None] + tint, np.float32), chain.soft * scale)


def developed_infrared(image: F32, chain: InfraredChain) -> NDArray[np.uint8]:
    """The infrared picture after its image processor.

    Args:
        image: `(h, w)` linear, with noise.
        chain: of the site.
    """
    codes: F32 = np.power(np.clip(image, 0, 1), np.float32(chain.gamma))
    scale = codes.shape[0] / _NOMINAL
    codes = _sharpened(_smoothed(codes, chain.smooth), amount=chain.sharpen, radius=1.2 * scale)
    codes = _softened(codes, chain.soft * scale)
    out: NDArray[np.uint8] = (np.clip(codes, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if chain.local:
        out = np.asarray(cv2.createCLAHE(chain.local, (4, 4)).apply(out), np.uint8)
    if chain.quality:
        out = np.ascontiguousarray(through_jpeg(np.ascontiguousarray(out), chain.quality)[..., 0])
    return out


def driven(depth: NDArray[np.uint16], chain: DepthChain) -> NDArray[np.uint16]:
    """Depth after the driver; a hole is 0 and gives nothing to its surroundings.

    Args:
        depth: `(h, w)` mm as measured.
        chain: of the site.
    """
    size = depth.shape[0]
    out = depth
    few = max(16, round(size * chain.grid))
    if few < size:
        small = np.asarray(cv2.resize(depth, (few, few), interpolation=cv2.INTER_NEAREST), np.uint16)
        if chain.linear:
            there = resized((small > 0).astype(np.float32), size)
            mean = resized(small.astype(np.float32), size) / np.maximum(there, np.float32(1e-3))
            # Between the face and what is far behind, drivers keep the nearer reading instead of a mean of both.
            nearest = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST), np.float32)
            mean = np.where(np.abs(mean - nearest) < 60, mean, nearest)
            out = np.where(there > 0.5, np.clip(mean + np.float32(0.5), 0, 65535), 0).astype(np.uint16)
        else:
            out = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST), np.uint16)
    if chain.median >= 3:
        out = np.asarray(cv2.medianBlur(np.ascontiguousarray(out), chain.median), np.uint16)
    if chain.smooth:
        even = cv2.bilateralFilter(out.astype(np.float32), 7, chain.smooth, 2.5 * size / _NOMINAL)
        out = np.where(out > 0, np.clip(even + np.float32(0.5), 1, 65535), 0).astype(np.uint16)
    return np.asarray(out, np.uint16)


def _smoothed(image: F32, differences: float) -> F32:
    if not differences:
        return image
    return np.asarray(cv2.bilateralFilter(image, 5, differences, 2.0), np.float32)


def _sharpened(image: F32, *, amount: float, radius: float) -> F32:
    if not amount:
        return image
    return np.asarray(image + np.float32(amount) * (image - blurred(image, max(0.4, radius))), np.float32)


def _softened(image: F32, sigma: float) -> F32:
    return blurred(image, sigma) if sigma > 0.3 else image
