"""Bring the frames of a capture to the values and the grid that a batch has: scaled and padded, or squashed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality
from facewarden.data.depth import encode_depth
from facewarden.data.sample import Sample


def in_unit_range(
    image: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32], modality: Modality, sample: Sample
) -> NDArray[np.float32]:
    """An image as it is stored, as `(h, w, c)` in [0, 1]; 16-bit depth is encoded about the face.

    Raises:
        BadInputError: color that has not three channels.
    """
    if image.dtype == np.uint16:
        return encode_depth(image.astype(np.uint16, copy=False), box=sample.box)[..., None]
    scale = np.float32(1 if image.dtype == np.float32 else 255)
    unit: NDArray[np.float32] = np.divide(np.atleast_3d(image), scale, dtype=np.float32)
    if modality != "rgb":
        unit = unit.mean(axis=2, keepdims=True, dtype=np.float32)
    elif unit.shape[2] != CHANNELS["rgb"]:
        raise BadInputError(f"sample {sample.key!r}: {unit.shape[2]} channels of color", hint="name three channels")
    return unit


def scaled(
    image: NDArray[np.float32], modality: Modality, *, scale: float, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """An image times a factor, with black at the right and the bottom up to the grid.

    Args:
        image: `(h, w, c)` in [0, 1].
        modality: depth takes the nearest pixel.
        scale: factor on both sides.
        grid: height and width of the result.
    """
    height, width = image.shape[:2]
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if target != (width, height):
        # measured ranges are not averaged: a mean of face and wall is a distance at which there is nothing
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        method = cv2.INTER_NEAREST_EXACT if modality == "depth" else smooth
        resized = cv2.resize(image, target, interpolation=method).reshape(target[1], target[0], image.shape[2])
        image = np.clip(resized, 0.0, 1.0).astype(np.float32)
    below, right = grid[0] - image.shape[0], grid[1] - image.shape[1]
    return np.pad(image, ((0, below), (0, right), (0, 0)))


def scaled_map(value: NDArray[np.float32] | int, *, scale: float, grid: tuple[int, int]) -> NDArray[np.float32] | int:
    """A target as `scaled` brings the image that it describes; what is no map stays, an unknown map stays unknown."""
    if isinstance(value, int) or value.ndim < 3:
        return value
    if np.isnan(value).all():
        return np.full((*grid, value.shape[2]), np.nan, np.float32)
    return scaled(value, "rgb", scale=scale, grid=grid)


def squashed(image: NDArray[np.float32], stored: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """A square of that side, whatever the shape; pictures are averaged, measured ranges are not.

    Args:
        image: `(h, w, c)` in [0, 1].
        stored: the same as it was read: 16-bit depth is a measured range.
        side: in pixels.
    """
    method = cv2.INTER_NEAREST_EXACT if stored.dtype == np.uint16 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (side, side), interpolation=method).reshape(side, side, image.shape[2])
    return np.clip(resized, 0.0, 1.0).astype(np.float32)
