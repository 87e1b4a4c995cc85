"""Arithmetic on maps over a lattice of face millimeters: bumps, steps, profiles, lookups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Real = NDArray[np.floating[Any]]

Number = int | float
"""Spelled out because shapes and types are checked at run time in tests, where an int is no float."""


def bump(x: Real, y: Real, *, at: tuple[Number, Number], size: tuple[Number, Number]) -> Map:
    """Gaussian of height one centered at `at` with standard deviations `size` (mm).

    `x` and `y` are a lattice: the first varies along columns only, the second along rows only, so that one row and one
    column decide.
    """
    across = np.exp(-0.5 * ((x[:1] - at[0]) / size[0]) ** 2)
    down = np.exp(-0.5 * ((y[:, :1] - at[1]) / size[1]) ** 2)
    return np.asarray(across * down, np.float32)


def step(value: Real, *, width: Number) -> Map:
    """Smooth step from 0 to 1 around zero; `width` is the distance over which it rises."""
    t = np.clip(value / np.float32(width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def profile(y: Real, knots: Sequence[tuple[Number, Number]], *, smooth: Number = 5.0) -> Map:
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


def sample(layer: Map, x: Map, y: Map) -> Map:
    """Read a layer at pixel coordinates, bilinearly; beyond its border the border goes on."""
    return np.asarray(cv2.remap(layer, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def blur(layer: Map, *, sigma: Number) -> Map:
    """Gaussian blur with a standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)


def resize(layer: Map, *, size: tuple[int, int]) -> Map:
    """Resample a layer to `(width, height)` pixels: areas when shrinking, bilinear when growing."""
    how = cv2.INTER_AREA if size[0] < layer.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(layer, size, interpolation=how), np.float32)
