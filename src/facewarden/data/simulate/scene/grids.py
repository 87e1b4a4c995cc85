"""How a camera samples a periodic structure, display subpixels or halftone dots: physically correct moire.

The pixels of a camera integrate light over their aperture and then sample it on the lattice of the color filter
array. For a periodic structure both steps are exact in the frequency domain: each harmonic is weakened by the lens and
the aperture, folded by the nearest point of the lattice's reciprocal, and weakened again when native pixels are
averaged down to the frame. So moire appears where the folded frequency is low, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Harmonic:
    """One Fourier component of a periodic structure: waves per period across and down, amplitude, phase in turns."""

    across: float
    down: float
    amplitude: float
    phase: float = 0.0


def stripe(channel: int, *, fill: float = 0.28, rows: float = 0.86) -> tuple[Harmonic, ...]:
    """Harmonics of an RGB stripe display: each subpixel fills `fill` of the pitch across and `rows` of it down.

    Amplitudes are relative to the mean, `2 sin(pi h w) / (pi h w)` for a pulse of width w.
    """
    place = (channel + 0.5) / 3
    across = [
        Harmonic(h, 0.0, 2 * np.sin(np.pi * h * fill) / (np.pi * h * fill), -h * place) for h in (1.0, 2.0)
    ]  # fmt: skip
    return (*across, Harmonic(0.0, 1.0, 2 * np.sin(np.pi * rows) / (np.pi * rows)))


def diamond(channel: int) -> tuple[Harmonic, ...]:
    """Harmonics of a diamond (two subpixels a pixel) OLED: green on every pixel, red and blue on every second."""
    if channel == 1:
        return (Harmonic(1.0, 0.0, 1.3), Harmonic(0.0, 1.0, 1.3))
    shift = 0.25 if channel == 0 else 0.75
    return (Harmonic(0.5, 0.5, 1.2, shift), Harmonic(0.5, -0.5, 1.2, shift))


def halftone(angle: float) -> tuple[Harmonic, ...]:
    """Harmonics of a clustered-dot screen turned by `angle` degrees, for a tone of one half."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return (Harmonic(c, s, 0.64), Harmonic(-s, c, 0.64))


def sampled(
    across: F32, down: F32, harmonics: Sequence[Harmonic], *, pitch: float, native: float, blur: float, green: bool
) -> F32:
    """The relative modulation, `(h, w)` around 0, of a periodic structure in the frame of a camera.

    Args:
        across, down: `(h, w)` coordinates on the structure in mm, at the centers of the frame's pixels.
        harmonics: the structure.
        pitch: its period in mm.
        native: pixels of the sensor per pixel of the frame, along one side.
        blur: standard deviation of the lens's point spread in sensor pixels.
        green: True for the quincunx lattice of the green filters, False for the square lattice of red or blue.
    """
    inverse = np.float32(1 / pitch)
    u, v = across * inverse, down * inverse
    step = np.float32(1 / native)
    # Planes and gentle bends: one-sided differences are exact enough and cheap.
    ux, uy, vx, vy = (_slope(m, axis) * step for m in (u, v) for axis in (1, 0))
    size = np.arange(across.shape[0], dtype=np.float32)
    # The middle of the filters of one color in a frame pixel: red and blue sit half a sensor pixel up and left.
    aside = np.float32(0.0 if green else 0.5)
    center = (size + np.float32(0.5)) * np.float32(native) - np.float32(0.5) - aside
    x, y = center[None, :], center[:, None]
    total = np.zeros_like(across)
    spacing = 1.0 if green else 2.0
    for h in harmonics:
        fx = np.float32(h.across) * ux + np.float32(h.down) * vx
        fy = np.float32(h.across) * uy + np.float32(h.down) * vy
        seen = np.square(fx[::16, ::16]) + np.square(fy[::16, ::16])
        if abs(h.amplitude) * np.exp(-2 * np.pi**2 * blur**2 * float(seen.min())) < 0.004:
            continue  # the lens leaves less than one code value of it
        if green:
            a, b = np.rint(fx + fy), np.rint(fx - fy)
            kx, ky = (a + b) / 2, (a - b) / 2
        else:
            kx, ky = np.rint(2 * fx) / 2, np.rint(2 * fy) / 2
        gx, gy = fx - kx, fy - ky
        lens = np.exp(np.float32(-2 * np.pi**2 * blur**2) * (fx * fx + fy * fy)) * np.sinc(fx) * np.sinc(fy)
        frame = _mean_of_samples(gx, native, spacing) * _mean_of_samples(gy, native, spacing)
        turns = np.float32(h.across) * u + np.float32(h.down) * v - aside * (fx + fy) - kx * x - ky * y
        total += (
            np.float32(h.amplitude)
            * lens
            * frame
            * np.cos(np.float32(2 * np.pi) * np.mod(turns + np.float32(h.phase), 1))
        )
    return total


def _mean_of_samples(frequency: F32, native: float, spacing: float) -> F32:
    """What averaging the samples in a frame pixel leaves of a wave (Dirichlet's kernel, 1 at frequency 0)."""
    below = np.sin(np.float32(np.pi * spacing) * frequency)
    below = np.where(np.abs(below) < 1e-4, np.float32(1e-4), below)
    above = np.sin(np.float32(np.pi * native) * frequency) * np.float32(spacing / native)
    return np.asarray(np.where(np.abs(frequency) < 1e-4, 1, above / below), np.float32)


def _slope(values: F32, axis: int) -> F32:
    edge = np.diff(values, axis=axis)
    last = edge[:, -1:] if axis == 1 else edge[-1:]
    return np.concatenate([edge, last], axis=axis)
