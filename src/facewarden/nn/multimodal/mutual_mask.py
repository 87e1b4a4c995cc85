"""Masks that keep of two modalities what tells of both, after DADM's mutual information mask, slim or as published."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.nn.multimodal.adapters.u_adapter import grid_side

Form = Literal["slim", "published"]


@dataclass(frozen=True, eq=False)
class MaskedPair:
    """Two modalities after their masks.

    Attributes:
        one, other: `(b, n, d)` class token as it was, patches times the mask.
        together: `(b, n, w)` the interaction map as tokens, that of the class tokens first.
    """

    one: Tensor
    other: Tensor
    together: Tensor


class MutualMask(nn.Module):
    """One map of interactions from the patches of two modalities, and from it a mask in (0, 1) for each of them.

    Interaction: depth-wise 3x3, point-wise to width w, 3x3. Mask: 3x3 to w / 2, 3x3, 3x3 to 2 d, sigmoid. Each is
    normalized and, but for the last, followed by ReLU. `published` convolutions are full and normalized by the batch;
    `slim` ones are a depth-wise and a point-wise one, normalized by groups of channels, so that no sample depends on
    its company.

    Source: Yang et al., "DADM", ICCV 2025, as its code has it (w = 256); `slim` is ours.

    Args:
        dim: width d of the transformer.
        width: w, even.
        form: `slim` or `published`.
    """

    def __init__(self, dim: int, *, width: int, form: Form = "slim") -> None:
        super().__init__()
        both, half = 2 * dim, width // 2
        self.see = nn.Sequential(
            nn.Conv2d(both, both, 3, padding=1, groups=both, bias=False), _norm(both, form), nn.ReLU(),
            nn.Conv2d(both, width, 1, bias=False), _norm(width, form), nn.ReLU(),
            *_conv(width, width, form), nn.ReLU(),
        )  # fmt: skip
        self.choose = nn.Sequential(
            *_conv(width, half, form), nn.ReLU(), *_conv(half, half, form), nn.ReLU(), *_conv(half, both, form),
            nn.Sigmoid(),
        )  # fmt: skip
        self.first = nn.Linear(both, width)

    def forward(self, one: Float[Tensor, "b n d"], other: Float[Tensor, "b n d"]) -> MaskedPair:
        """Mask tokens, of which the first is the class token and the others are a square of patches."""
        side = grid_side(one.shape[1] - 1)
        beside = torch.cat([one, other], dim=-1)
        seen = self.see(beside[:, 1:].transpose(1, 2).reshape(one.shape[0], -1, side, side))
        mask = self.choose(seen).flatten(2).transpose(1, 2)
        kept = torch.cat([beside[:, :1], beside[:, 1:] * mask], dim=1)
        together = torch.cat([self.first(beside[:, :1]), seen.flatten(2).transpose(1, 2)], dim=1)
        first, second = kept.chunk(2, dim=-1)
        return MaskedPair(first, second, together)


def _conv(inputs: int, outputs: int, form: Form) -> list[nn.Module]:
    if form == "published":
        return [nn.Conv2d(inputs, outputs, 3, padding=1), _norm(outputs, form)]
    return [
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1),
        _norm(outputs, form),
    ]  # fmt: skip


def _norm(channels: int, form: Form) -> nn.Module:
    return nn.BatchNorm2d(channels) if form == "published" else nn.GroupNorm(math.gcd(8, channels), channels)
