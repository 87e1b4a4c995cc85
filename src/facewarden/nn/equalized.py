"""Pictures with one mean and one contrast in every channel: what a network sees that shall not go by color cast."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

FLOOR = 1 / 255
"""Added to the deviation of a channel, so that a flat picture stays finite: one gray level."""


def equalized(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Bring every channel of every picture to mean 0 and deviation 1: `(x - mean) / (deviation + 1/255)`.

    No gain and no offset of a channel changes the result by more than the floor does, so neither exposure nor white
    balance nor the color of a screen is left in it. Clipped pixels and exponents are.

    Args:
        images: any range.
    """
    middle = images.mean(dim=(2, 3), keepdim=True)
    away = images - middle
    # a deviation of exactly 0 has no gradient
    spread = away.square().mean(dim=(2, 3), keepdim=True).clamp(min=1e-12).sqrt()
    return away / (spread + FLOOR)
