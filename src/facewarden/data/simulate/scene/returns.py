"""What a range sensor takes for the surface where part of its light comes back through it or by way of a mirror."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.surface import Surface
from facewarden.data.simulate.scene.view import F32

MODULATION = 60e6
"""Modulation frequency (Hz) of the time-of-flight sensor, within the 10 to 100 MHz of cameras that are sold."""

_TURN = 4 * np.pi * MODULATION / 2.99792458e11  # radians of phase per mm of range
_BREADTH = 0.12


def as_ranged(surface: Surface, *, principle: str) -> Surface:
    """The surface with the depth, and the near-infrared return, that a range sensor of one principle works on.

    Continuous-wave time of flight adds both returns as phasors, so that its range is biased between them (multipath
    interference). A projected pattern is matched where most of its light comes from; where the two patterns are of
    about equal strength none is matched, and nothing comes back. Passive stereo uses no light of its own.

    Args:
        surface: what is there; without second return it is given back as it is.
        principle: as in `RangeSensor.principle`.
    """
    second = surface.second
    if second is None or principle == "passive":
        return surface
    if principle == "tof":
        return replace(surface, depth=mixed_phase(surface.depth, second.depth, share=second.share))
    depth = np.where(second.share > 0.5, second.depth, surface.depth)
    clear = np.clip(np.abs(second.share - np.float32(0.5)) / np.float32(_BREADTH), 0, 1)
    alike = np.abs(second.depth - surface.depth) < 3  # the same disparity: the patterns agree
    return replace(surface, depth=depth, nir=surface.nir * np.where(alike, np.float32(1), clear))


def mixed_phase(first: F32, second: F32, *, share: F32) -> F32:
    """Range (mm) that time of flight reads where two returns meet in a pixel.

    Args:
        first, second: `(h, w)` mm, their ranges; nearer to each other than a quarter of the modulation's wavelength
            (1.25 m at 60 MHz) no ambiguity arises, beyond it the second return pulls the other way, as it does in such
            cameras.
        share: `(h, w)` part of the second return in the amplitude.
    """
    turn = np.float32(_TURN) * (second - first)
    pull = np.arctan2(share * np.sin(turn), 1 - share + share * np.cos(turn))
    return np.asarray(first + pull / np.float32(_TURN), np.float32)
