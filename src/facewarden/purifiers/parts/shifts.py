"""Shifted views of an image, for filters that compare each pixel with its neighbors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def shifted(images: Tensor, offsets: Sequence[tuple[int, int]]) -> Iterator[Tensor]:
    """Yield the images moved by every (down, right) offset; the border pixel is repeated outside.

    One at a time: a large photo would not fit into memory as often as a window has pixels.
    """
    reach = max(max(abs(down), abs(right)) for down, right in offsets)
    height, width = images.shape[-2:]
    padded = torch.nn.functional.pad(images, (reach, reach, reach, reach), mode="replicate")
    for down, right in offsets:
        yield padded[..., reach + down : reach + down + height, reach + right : reach + right + width]
