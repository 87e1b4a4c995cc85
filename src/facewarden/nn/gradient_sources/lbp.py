"""Local binary patterns: a map of the texture around every pixel."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from facewarden.core.errors import BadInputError

Pattern = Literal["plain", "uniform"]

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_GRAY = (0.299, 0.587, 0.114)


def lbp(images: Float[Tensor, "b 3 h w"], *, radius: int = 1, pattern: Pattern = "plain") -> Float[Tensor, "b 1 h w"]:
    """Code every pixel by which of its eight neighbors are at least as bright, scaled to [0, 1]; no gradient.

    Where the image is flat all eight are, and the code is 1. The border is repeated outside.

    Args:
        images: RGB.
        radius: distance of the neighbors in pixels, along rows, columns and diagonals.
        pattern: "plain" is the eight bits, clockwise from the upper left, divided by 255. "uniform" counts the bright
            neighbors where they are in one stretch around the pixel, puts all other codes together, and divides by 9.

    Raises:
        BadInputError: a radius below one, or an unknown pattern.

    Source: Ojala et al., Multiresolution Gray-Scale and Rotation Invariant Texture Classification with Local Binary
    Patterns (2002), equations 2 and 9 (with square instead of round neighborhoods).
    """
    if radius < 1 or pattern not in ("plain", "uniform"):
        raise BadInputError(f"radius {radius}, pattern {pattern!r}", hint="radius=1, pattern plain or uniform")
    with torch.no_grad():
        gray = (images * images.new_tensor(_GRAY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        height, width = gray.shape[-2:]
        wide = pad(gray, (radius,) * 4, mode="replicate")
        bits = [
            wide[..., radius + radius * dy :, radius + radius * dx :][..., :height, :width] >= gray
            for dy, dx in _AROUND
        ]
        if pattern == "plain":
            return torch.stack([bit.to(gray) * 2.0**place for place, bit in enumerate(bits)]).sum(dim=0) / 255.0
        ones = torch.stack(bits).sum(dim=0)
        changes = torch.stack([bit != bits[place - 1] for place, bit in enumerate(bits)]).sum(dim=0)
        return torch.where(changes <= 2, ones, torch.full_like(ones, 9)).to(gray) / 9.0
