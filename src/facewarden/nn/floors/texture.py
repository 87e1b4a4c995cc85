"""Texture: histograms of local binary patterns and of gradients on a grid of cells, for each sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.labels import MODALITIES
from facewarden.nn.floors.describer import Describer, gray
from facewarden.nn.gradient_sources.lbp import lbp

ORIENTATIONS, CELLS = 9, 8
_PATTERNS, _PATTERN_CELLS, _RADII = 10, 4, (1, 2)
_FLAT = 1e-3


class Texture(Describer):
    """Uniform local binary patterns (4 x 4 cells, radius 1 and 2) and oriented gradients (8 x 8 cells, 9 directions).

    Source: Ojala et al., TPAMI 2002; Dalal and Triggs, CVPR 2005, with one norm over the 3 x 3 cells around each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needs = tuple((name,) for name in MODALITIES)
        patterns = len(_RADII) * _PATTERNS * _PATTERN_CELLS**2
        self.widths = (patterns + ORIENTATIONS * CELLS**2,) * len(MODALITIES)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Both kinds of histograms of each sensor."""
        return [torch.cat([pattern_shares(one), gradient_histograms(gray(one))], dim=1) for one in pixels]


def pattern_shares(images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b f"]:
    """Share of each of the ten uniform patterns in every cell; no gradient."""
    found = []
    for radius in _RADII:
        code = (lbp(images, radius=radius, pattern="uniform") * (_PATTERNS - 1)).round().long()[:, 0]
        votes = functional.one_hot(code, _PATTERNS).permute(0, 3, 1, 2).to(images.dtype)
        found.append(functional.adaptive_avg_pool2d(votes, _PATTERN_CELLS).flatten(1))
    return torch.cat(found, dim=1)


def gradient_histograms(image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b f"]:
    """Mean gradient length by direction, over 180 degrees, in each cell, over the norm of the 3 x 3 cells around."""
    down = functional.pad(image[..., 2:, :] - image[..., :-2, :], (0, 0, 1, 1))
    across = functional.pad(image[..., 2:] - image[..., :-2], (1, 1))
    square = down.square() + across.square()
    length = torch.where(square > 0, torch.where(square > 0, square, torch.ones_like(square)).sqrt(), square)
    with torch.no_grad():
        angle = torch.atan2(down, across) % math.pi
        votes = functional.one_hot((angle * (ORIENTATIONS / math.pi)).long().clamp(max=ORIENTATIONS - 1), ORIENTATIONS)
    cells = functional.adaptive_avg_pool2d(votes[:, 0].permute(0, 3, 1, 2).to(image.dtype) * length, CELLS)
    around = functional.avg_pool2d(cells.square().sum(dim=1, keepdim=True), 3, stride=1, padding=1) * 9
    return (cells / (around + _FLAT**2).sqrt()).flatten(1)
