"""Images as a reader of JPEG sees them."""

from __future__ import annotations

import io

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor


def as_jpeg(images: Float[Tensor, "b 3 h w"], *, quality: int) -> Float[Tensor, "b 3 h w"]:
    """Images in [0, 1] after a round trip through 8-bit JPEG by libjpeg, with 4:2:0 chroma subsampling.

    Args:
        images: each is compressed by itself.
        quality: 1 (worst) to 95 (best); libjpeg's scale.
    """
    pixels = (images.detach() * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    if len(pixels) == 0:
        return images
    read = torch.from_numpy(np.stack([_round_trip(image, quality) for image in pixels]))
    return read.permute(0, 3, 1, 2).to(images) / 255.0


def _round_trip(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file))
