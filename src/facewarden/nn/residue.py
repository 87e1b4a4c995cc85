"""Statistics of the perturbation that a purifier removes: large for a cloaked face, small for a natural one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_FAINTEST = 1e-8


def octaves(images: Float[Tensor, "b c h w"]) -> list[Tensor]:
    """Split images into three octaves of detail, finest first, and the coarse rest; their sum is the image."""
    bands, now = [], images
    for _ in range(3):
        height, width = now.shape[-2:]
        coarse = functional.avg_pool2d(now, 2, ceil_mode=True, count_include_pad=False)
        grown = functional.interpolate(coarse, scale_factor=2, mode="nearest")[..., :height, :width]
        bands.append(now - grown)
        now = coarse
    return [*bands, now]


def residue_statistics(images: Float[Tensor, "b 3 h w"], purified: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 8"]:
    """Logarithms of the mean energy, octave by octave, of the removed perturbation and of the image itself.

    Args:
        images: what the purifier was given.
        purified: what it gave.
    """
    parts = [
        torch.log(part.double().square().mean(dim=(1, 2, 3)) + _FAINTEST)
        for picture in (images - purified, images)
        for part in octaves(picture)
    ]
    return torch.stack(parts, dim=1).to(images.dtype)
