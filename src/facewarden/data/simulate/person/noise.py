"""Random fields fixed to millimeters of the face, so that a finer frame shows the same person, not another one."""

from __future__ import annotations

import cv2
import numpy as np

from facewarden.core.seeding import derive
from facewarden.data.simulate.person.lattice import Map, Number

EXTENT = 460.0
"""Side in millimeters of the square, centered on the pupil midpoint, on which the fields live."""

_TILE = 256  # finer lattices repeat: nobody sees a period of 256 grains, and drawing them would dominate


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of one named texture of one person, independent of every other name."""
    return np.random.default_rng(derive(seed, "simulate.face", *names))


def field(rng: np.random.Generator, x: Map, y: Map, *, wavelength: Number) -> Map:
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


def fractal(rng: np.random.Generator, x: Map, y: Map, *, wavelength: Number, octaves: int, gain: Number = 0.55) -> Map:
    """Sum octaves of `field`, each at half the wavelength and `gain` times the strength; about unit variance."""
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        strength = gain**octave
        total += np.float32(strength) * field(rng, x, y, wavelength=wavelength / 2**octave)
        power += strength**2
    return total / np.float32(np.sqrt(power))
