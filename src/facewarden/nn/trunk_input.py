"""How every trunk here takes pixels, and the way back: one pair of functions, so that none of them is written twice."""

from __future__ import annotations

from torch import Tensor


def normalized(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as every trunk here takes them, `(255 x - 127.5) / 128`."""
    return (pixels * 255 - 127.5) / 128


def pixels_of(images: Tensor) -> Tensor:
    """Pixels in [0, 1] of what `normalized` gave, cut there."""
    return ((images * 128 + 127.5) / 255).clamp(0, 1)
