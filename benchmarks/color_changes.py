"""Changes of the color of whole photos that leave what they show: equal means and contrasts, a screen's mean color."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch

MEAN, CONTRAST = 0.5, 0.2
"""Of every channel of an equalized photo, before it is clipped to [0, 1]."""


def equal_photo(images: Tensor) -> Tensor:
    """Every channel of every photo with one mean and one deviation, clipped and rounded to 8 bits.

    Args:
        images: (b, 3, h, w) in [0, 1].
    """
    middle = images.mean(dim=(2, 3), keepdim=True)
    spread = images.std(dim=(2, 3), keepdim=True).clamp(min=1 / 255)
    return _stored((images - middle) / spread * CONTRAST + MEAN)


def with_face_color(images: Tensor, box: Tensor, wanted: Tensor, *, how: str) -> Tensor:
    """Photos whose faces have a wanted mean color.

    Args:
        images: (b, 3, h, w) in [0, 1].
        box: (b, 4) faces.
        wanted: (b, 3) mean colors.
        how: `gain` multiplies each channel, as light and white balance do; `offset` adds to it.
    """
    change = wanted if how == "offset" else wanted.clamp(min=1 / 255)
    mean = face_color(images, box)
    if how == "offset":
        return _stored(images + (change - mean)[:, :, None, None])
    return _stored(images * (change / mean.clamp(min=1 / 255))[:, :, None, None])


def face_color(images: Tensor, box: Tensor) -> Tensor:
    """Mean color of the face boxes, (b, 3).

    Args:
        images: (b, 3, h, w).
        box: (b, 4).
    """
    height, width = images.shape[-2:]
    found = []
    for image, place in zip(images, box.round().int().tolist(), strict=True):
        x0, y0, x1, y1 = place
        inside = image[:, max(0, y0) : max(1, min(height, y1)), max(0, x0) : max(1, min(width, x1))]
        found.append(inside.mean(dim=(1, 2)))
    return torch.stack(found)


def changed(batch: FaceBatch, what: str, *, colors: NDArray[np.float32], rows: NDArray[np.int64]) -> FaceBatch:
    """A batch of color frames after a change.

    Args:
        batch: frames with boxes.
        what: `plain`, `equal`, `gain` or `offset`.
        colors: (n, 3) mean colors of screens.
        rows: (b,) which of them each photo gets.
    """
    if what == "plain":
        return batch
    images = batch.images["rgb"]
    if what == "equal":
        return batch.with_images({"rgb": equal_photo(images)})
    assert batch.box is not None
    return batch.with_images({"rgb": with_face_color(images, batch.box, torch.from_numpy(colors[rows]), how=what)})


def _stored(images: Tensor) -> Tensor:
    return (images.clamp(0, 1) * 255 + 0.5).floor() / 255
