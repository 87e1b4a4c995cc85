"""Smoothing a gradient with a small kernel, which is what averaging it over shifted images amounts to."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError

Shape = Literal["gaussian", "linear", "uniform"]


def make_kernel(shape: Shape, *, size: int, deviations: float) -> Tensor:
    """Return `(size, size)` weights that sum to one.

    Args:
        shape: "gaussian", "linear" (a tent) or "uniform".
        size: side in pixels, odd.
        deviations: how many standard deviations a Gaussian reaches from the center to the border.

    Raises:
        BadInputError: an unknown shape, an even size or a reach that is not positive.
    """
    if size < 1 or size % 2 == 0 or not 0.0 < deviations < float("inf"):
        raise BadInputError(f"a kernel of {size} pixels and {deviations} deviations", hint="kernel_size=15, odd")
    center = (size - 1) / 2
    if shape == "gaussian":
        line = np.exp(-(np.linspace(-deviations, deviations, size) ** 2) / 2.0)
    elif shape == "linear":
        line = 1.0 - np.abs(np.arange(size) - center) / (center + 1.0)
    elif shape == "uniform":
        line = np.ones(size)
    else:
        raise BadInputError(f"unknown kernel {shape!r}", hint="gaussian, linear or uniform")
    square = np.outer(line, line)
    return torch.from_numpy((square / square.sum()).astype(np.float32))


def smooth(gradient: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel with the kernel, zeros beyond the border."""
    channels = gradient.shape[1]
    weights = kernel.to(gradient).expand(channels, 1, *kernel.shape)
    return functional.conv2d(gradient, weights, padding="same", groups=channels)
