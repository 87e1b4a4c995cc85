"""Aliasing in the frequency domain against a sensor that integrates and samples every pixel by brute force."""

import numpy as np
import pytest

from facewarden.data.simulate.scene.grids import Harmonic, sampled


def brute_force(pitch: float, native: int, frame: int, *, green: bool) -> np.ndarray:
    """A cosine grating seen by square pixels: 16 x 16 points a pixel, its lattice kept, frame pixels averaged."""
    fine, side = 16, native * frame
    x = (np.arange(side * fine) + 0.5) / fine - 0.5  # in sensor pixels
    wave = np.cos(2 * np.pi * x / pitch)
    pixels = np.tile(wave.reshape(side, fine).mean(1), (side, 1))
    i, j = np.indices(pixels.shape)
    kept = ((i + j) % 2 == 0) if green else ((i % 2 == 0) & (j % 2 == 0))
    blocks = np.where(kept, pixels, 0).reshape(frame, native, frame, native).sum((1, 3))
    return blocks / kept.reshape(frame, native, frame, native).sum((1, 3))


@pytest.mark.parametrize("green", [False, True])
@pytest.mark.parametrize("pitch", [1.93, 2.06, 9.0])
def test_folded_harmonics_match_brute_force(*, pitch: float, green: bool) -> None:
    native, frame = 8, 24
    center = (np.arange(frame, dtype=np.float32) + 0.5) * native - 0.5
    across, down = np.meshgrid(center, center)
    # One unit of the structure is one sensor pixel, so the pitch is in sensor pixels.
    got = sampled(across, down, [Harmonic(1.0, 0.0, 1.0)], pitch=pitch, native=float(native), blur=0.0, green=green)
    want = brute_force(pitch, native, frame, green=green)
    assert np.abs(got - want).max() < 0.05 * max(np.abs(want).max(), 0.2)


def test_a_grid_finer_than_the_lens_resolves_leaves_nothing() -> None:
    line = np.arange(32, dtype=np.float32)
    across, down = np.meshgrid(line, line)
    got = sampled(across, down, [Harmonic(1.0, 0.0, 1.7)], pitch=0.05, native=4.0, blur=0.6, green=True)
    assert np.abs(got).max() < 1e-3


def test_red_shows_moire_where_green_does_not() -> None:
    line = (np.arange(32, dtype=np.float32) + 0.5) * 8 - 0.5
    across, down = np.meshgrid(line, line)
    # A pitch near two sensor pixels beats slowly against the red lattice (every second pixel) only.
    red = sampled(across, down, [Harmonic(1.0, 0.0, 1.0)], pitch=2.02, native=8.0, blur=0.3, green=False)
    green = sampled(across, down, [Harmonic(1.0, 0.0, 1.0)], pitch=2.02, native=8.0, blur=0.3, green=True)
    assert red.std() > 10 * green.std()
