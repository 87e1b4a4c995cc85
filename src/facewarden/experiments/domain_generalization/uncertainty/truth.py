"""The true error of every depth patch: what the sensor measured against the exact depth of the scene."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.nn.crop import crop_resize

LARGEST = 50.0
"""Millimeters at which an error is cut; a hole, where nothing was measured, counts as much."""
MAPS = ("truedepth", "millimeters")


def has_truth(sample: Sample) -> bool:
    """Whether a capture comes with its exact depth and with what the sensor measured."""
    return set(MAPS) <= set(sample.extra) and sample.box is not None


def patch_errors(manifest: Manifest, sample: Sample, *, size: int, scale: float, side: int) -> NDArray[np.float64]:
    """Mean error of depth in each patch of a detector's view, row by row; NaN where less than half is in the scene.

    Args:
        manifest: of the sample.
        sample: with its maps.
        size: side of the view in pixels.
        scale: factor on the face box.
        side: patches a side.

    Raises:
        BadInputError: a map cannot be read.
    """
    true, measured = (_read(manifest, sample, name) for name in MAPS)
    exact = true / np.float32(10)
    known = true > 0
    error = np.where(measured > 0, np.minimum(np.abs(measured - exact), LARGEST), LARGEST)
    box = torch.tensor([sample.box], dtype=torch.float32)
    planes = torch.from_numpy(np.stack([np.where(known, error, 0.0), known]).astype(np.float32))[None]
    view = crop_resize(planes, box, scale=scale, size=size)
    summed, weight = functional.adaptive_avg_pool2d(view, side)[0]
    mean = torch.where(weight >= 0.5, summed / weight.clamp(min=1e-6), torch.full_like(summed, torch.nan))
    found: NDArray[np.float64] = mean.flatten().double().numpy()
    return found


def patch_means(images: Tensor, side: int) -> Tensor:
    """`(b, side * side)` mean of each patch of `(b, 1, s, s)` pictures, row by row."""
    return functional.adaptive_avg_pool2d(images, side).flatten(1)


def _read(manifest: Manifest, sample: Sample, name: str) -> NDArray[np.float32]:
    color = manifest.path(sample, "rgb")
    if color is None:
        raise BadInputError(f"{sample.key}: no color image", hint="simulate with maps: true")
    path = color.parent / Path(sample.extra[name]).name
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BadInputError(f"{path}: cannot be read", hint="simulate again with maps: true")
    found: NDArray[np.float32] = image.astype(np.float32)
    return found
