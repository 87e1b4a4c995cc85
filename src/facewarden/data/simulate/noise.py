"""Random fields fixed to millimeters of the face, so that a finer frame shows the same person, not another one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.seeding import derive

Map = NDArray[np.float32]

EXTENT = 460.0
"""Side in millimeters of the square, centered on the pupil midpoint, on which the fields live."""

_TILE = 256  # finer lattices repeat: nobody sees a period of 256 grains, and drawing them would dominate


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of one named texture of one person, independent of every other name."""
    return np.random.default_rng(derive(seed, "simulate.face", *names))


def field(rng: np.random.Generator, x: Map, y: Map, *, wavelength: float) -> Map:
    """Evaluate smooth noise of unit variance and the given wavelength (mm) at face coordinates `x`, `y` (mm)."""
    cells = min(int(EXTENT / (0.5 * wavelength)) + 4, _TILE)
    lattice = rng.standard_normal((cells, cells), dtype=np.float32)
    step = np.float32(2.0 / wavelength)
    out = cv2.remap(
        lattice,
        (x + np.float32(EXTENT / 2)) * step,
        (y + np.float32(EXTENT / 2)) * step,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(out * np.float32(1.5), np.float32)


def fractal(rng: np.random.Generator, x: Map, y: Map, *, wavelength: float, octaves: int, gain: float = 0.55) -> Map:
    """Sum octaves of `field`, each at half the wavelength and `gain` times the strength; about unit variance."""
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        strength = gain**octave
        total += np.float32(strength) * field(rng, x, y, wavelength=wavelength / 2**octave)
        power += strength**2
    return total / np.float32(np.sqrt(power))


def bump(x: Map, y: Map, *, at: tuple[float, float], size: tuple[float, float]) -> Map:
    """Gaussian of height one centered at `at` with standard deviations `size` (mm).

    `x` and `y` are a lattice: the first varies along columns only, the second along rows only, so that one row and one
    column decide.
    """
    across = np.exp(-0.5 * ((x[:1] - at[0]) / size[0]) ** 2)
    down = np.exp(-0.5 * ((y[:, :1] - at[1]) / size[1]) ** 2)
    return np.asarray(across * down, np.float32)


def step(value: Map, *, width: float) -> Map:
    """Smooth step from 0 to 1 around zero; `width` is the distance over which it rises."""
    t = np.clip(value / np.float32(width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def profile(y: Map, knots: list[tuple[float, float]], *, smooth: float = 5.0) -> Map:
    """Evaluate a polyline through `knots` (position, value), rounded with a Gaussian of `smooth` mm.

    `y` is the vertical coordinate of a lattice; the result is one `(n, 1)` column.
    """
    grid = np.arange(knots[0][0] - 4 * smooth, knots[-1][0] + 4 * smooth, 0.5)
    line = np.interp(grid, [k[0] for k in knots], [k[1] for k in knots])
    half = int(6 * smooth) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * 0.5 / smooth) ** 2)
    padded = np.pad(line, half, mode="edge")
    rounded = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return np.asarray(np.interp(y[:, :1], grid, rounded), np.float32)
