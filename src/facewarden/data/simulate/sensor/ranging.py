"""Depth sensors: structured light, time of flight, active and passive stereo, from exact range to what is measured.

All of them have noise that grows with the square of the distance: triangulation because disparity is its inverse, time
of flight because the returned light falls off with it. Time of flight also depends on the returned amplitude.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.filters import blurred, moved
from facewarden.data.simulate.scene.light import LUMA, Light
from facewarden.data.simulate.scene.surface import Surface
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.sensor.domains import RangeSensor


def deviation(sensor: RangeSensor, distance: F32) -> F32:
    """Standard deviation (mm) of the range of a white matt wall: `floor + noise (z / 1 m)^2`."""
    return np.asarray(sensor.floor + sensor.noise * np.square(distance * np.float32(1e-3)), np.float32)


def measure(
    rng: np.random.Generator, surface: Surface, *, sensor: RangeSensor, light: Light, toward: F32
) -> NDArray[np.uint16]:
    """Measure the range of every pixel.

    Args:
        rng: for noise and dropouts.
        surface: what is there, with exact depth.
        sensor: the depth sensor.
        light: sunlight blinds active sensors, darkness blinds passive ones.
        toward: `(h, w, 3)` unit vectors to the camera.

    Returns:
        `(h, w)` uint16 mm, 0 where the sensor saw nothing.
    """
    size = surface.depth.shape[0]
    cosine = np.clip(np.einsum("hwc,hwc->hw", surface.normal, toward), 0, 1)
    diffuse = surface.nir * cosine
    depth = surface.depth
    window = max(1, round(sensor.window * size))
    if sensor.principle == "tof":
        seen, signal, lost = _time_of_flight(rng, depth, diffuse, surface, sensor=sensor, window=window)
    else:
        seen, signal, lost = _triangulate(rng, depth, diffuse, surface, sensor=sensor, window=window)
    sun = light.nir if sensor.principle != "passive" else 0.0
    # A return below a few percent of a white wall's is lost; sunlight raises that bar.
    bar = np.float32(0.07 + 0.12 * min(sun, 1.5))
    chance = np.float32(sensor.holes) + np.clip((bar - signal) * np.float32(1 / 0.05), 0, 1)
    chance += np.clip((np.float32(0.3) - cosine) * 4, 0, 1) + lost
    blobs = smooth_noise(rng, size, cells=max(8, size // 7)) * 0.8 + smooth_noise(rng, size, cells=9) * 0.6
    uniform = 1 / (1 + np.exp(np.float32(-1.702) * blobs))  # about the normal distribution function
    gone = (uniform < chance) | (depth < sensor.near) | (depth > sensor.far) | (seen <= 0)
    if sensor.shift:
        move = np.array([[1, 0, sensor.shift * size], [0, 1, -0.4 * sensor.shift * size]], np.float32)
        seen = moved(seen, move, how=cv2.INTER_NEAREST, extend=True)
        gone = moved(gone.astype(np.float32), move, how=cv2.INTER_NEAREST) > 0
    out = np.where(gone, 0, np.clip(seen + np.float32(0.5), 0, 65535))
    return np.asarray(out, np.uint16)


def _texture(rng: np.random.Generator, size: int, window: int) -> F32:
    """Unit noise with the correlation of a matching window."""
    noise = rng.standard_normal((size, size), dtype=np.float32)
    if window > 1:
        noise = blurred(noise, window / 3)
        noise /= max(float(noise.std()), 1e-6)
    return noise


def _triangulate(
    rng: np.random.Generator, depth: F32, diffuse: F32, surface: Surface, *, sensor: RangeSensor, window: int
) -> tuple[F32, F32, F32]:
    """Disparity with a matching window, correlated noise, steps, and the shadow beside near edges."""
    size = depth.shape[0]
    near = np.minimum(depth, np.float32(sensor.far * 1.2))
    disparity = np.float32(sensor.base) / near
    if window > 1:
        # Windows fatten and smooth: the average inside a surface, the nearer one across an edge.
        average = cv2.blur(disparity, (window, window))
        disparity = np.where(np.abs(average - disparity) < 0.06 * disparity, average,
                             cv2.dilate(disparity, np.ones((max(window // 2, 1),) * 2, np.uint8)))  # fmt: skip
    if sensor.principle == "passive":
        gray = surface.albedo @ LUMA + surface.emission @ LUMA
        contrast = cv2.blur(np.abs(cv2.Laplacian(gray, cv2.CV_32F)), (window * 2 + 1, window * 2 + 1)) / (
            gray.mean() + 1e-3
        )
        weak = 1 / (np.float32(0.25) + np.clip(contrast * 10, 0, 1))
        signal = np.full_like(depth, 0.5)
        lost = np.clip((weak - 3.2) * np.float32(0.25), 0, 0.2)
    else:
        # The projected pattern is what is matched; a screen or black plastic returns too little of it.
        signal = diffuse
        weak = np.float32(0.75) + np.float32(0.08) / np.maximum(diffuse, 0.03)
        mirror = surface.gloss * surface.polish
        lost = np.clip(mirror - 0.5, 0, 1) * np.float32(0.5)
    # One standard deviation of range is z^2 / base standard deviations of disparity.
    sigma = deviation(sensor, near) * np.float32(sensor.base) / np.square(near)
    disparity = disparity + sigma * weak * _texture(rng, size, window)
    disparity = np.rint(disparity * np.float32(sensor.steps)) / np.float32(sensor.steps)
    seen = np.float32(sensor.base) / np.maximum(disparity, np.float32(1e-2))
    reach = max(1, round(0.012 * size))
    ahead = np.roll(depth, reach, axis=1)
    shadow = (depth - ahead > 40).astype(np.float32)
    shadow[:, :reach] = 0
    return np.asarray(seen, np.float32), signal, lost + shadow


def _time_of_flight(
    rng: np.random.Generator, depth: F32, diffuse: F32, surface: Surface, *, sensor: RangeSensor, window: int
) -> tuple[F32, F32, F32]:
    """Phase noise by amplitude, multipath that rounds hollows, wiggling, flying pixels at edges."""
    size = depth.shape[0]
    near = np.minimum(depth, np.float32(sensor.far * 1.2))
    around = cv2.blur(near, (max(3, size // 14) | 1,) * 2)
    # Light that bounces inside a hollow travels farther: hollows look shallower than a ridge by some percent.
    hollow = np.clip(near - around, -25, 25)
    seen = near - np.float32(0.12) * hollow
    seen = seen + np.float32(2.5) * np.sin(near * np.float32(4 * np.pi / 1500))
    amplitude = np.maximum(diffuse, 0.01)
    sigma = deviation(sensor, near) * np.clip(np.float32(0.45) / amplitude, 0.6, 12)
    seen = seen + sigma * _texture(rng, size, max(1, window))
    # The mirror image of the flash in glass is the only bright return of a screen, and it travels through the cover.
    mirror = surface.gloss * surface.polish
    seen = seen + np.clip(mirror - 0.4, 0, 1) * np.float32(9)
    lowest, highest = cv2.erode(near, np.ones((3, 3), np.uint8)), cv2.dilate(near, np.ones((3, 3), np.uint8))
    edge = highest - lowest > 45
    mixed = lowest + (highest - lowest) * rng.random(depth.shape, dtype=np.float32)
    flying = edge & (rng.random(depth.shape, dtype=np.float32) < 0.5)
    seen = np.where(flying, np.minimum(mixed, near + 250), seen)
    return np.asarray(seen, np.float32), diffuse, np.where(edge, np.float32(0.25), np.float32(0))
