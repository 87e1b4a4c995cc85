"""Filtering every channel by a line of weights, across and then down, the way that a CPU does fastest."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_MATRIX_UP_TO = 256
"""Pixels; below, a product with a banded matrix beats a convolution of single channels, above it wastes work."""


def filter_separably(images: Float[Tensor, "b c h w"], weights: Float[Tensor, " k"]) -> Float[Tensor, "b c n m"]:
    """Slide a symmetric line of k weights over rows and columns; only full windows, so each side loses k - 1 pixels.

    Args:
        images: sides of at least k pixels.
        weights: `(k,)`.
    """
    batch, channels, height, width = images.shape
    if max(height, width) <= _MATRIX_UP_TO:
        return _band(weights, height) @ images @ _band(weights, width).T
    planes = images.reshape(batch * channels, 1, height, width)
    planes = torch.nn.functional.conv2d(planes, weights.view(1, 1, -1, 1))
    planes = torch.nn.functional.conv2d(planes, weights.view(1, 1, 1, -1))
    return planes.reshape(batch, channels, planes.shape[-2], planes.shape[-1])


def _band(weights: Tensor, length: int) -> Tensor:
    """Matrix whose row i holds the weights from column i on."""
    count = length - len(weights) + 1
    matrix = weights.new_zeros(count, length)
    rows = torch.arange(count, device=weights.device)[:, None]
    matrix[rows, rows + torch.arange(len(weights), device=weights.device)] = weights
    return matrix
