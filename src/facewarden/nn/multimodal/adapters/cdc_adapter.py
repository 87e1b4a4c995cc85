"""Convolutional adapters with central differences, one for each modality, that never look at another modality."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters.u_adapter import grid_side, quick_gelu, start_at_zero
from facewarden.nn.multimodal.cdc import CentralDifferenceConv2d

Activation = Literal["gelu", "quick_gelu"]


class CdcAdapter(nn.Module):
    """`up(dropout(act(cdc(act(down(x))))))` on the tokens of one stream; a fresh one adds nothing.

    Patches form a map; the class token is a map of one pixel through the same convolution, which is its center.

    Source: Jie and Deng, "Convolutional Bypasses Are Better Vision Transformer Adapters", ECAI 2024, with the
    convolution of Yu et al., CVPR 2020, equation 4.

    Args:
        dim: width d of the transformer.
        hidden: channels inside.
        theta: share of the central difference.
        activation: `gelu`, or the cheaper `quick_gelu` that the code of MMDG's lineage has.
        dropout: before the up-projection.
        inputs: width of what it is given, where that is not d.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int,
        theta: float,
        activation: Activation = "gelu",
        dropout: float = 0.0,
        inputs: int | None = None,
    ) -> None:
        super().__init__()
        self.act = quick_gelu if activation == "quick_gelu" else F.gelu
        self.dropout = dropout
        self.down = nn.Linear(dim if inputs is None else inputs, hidden)
        self.conv = CentralDifferenceConv2d(hidden, hidden, theta=theta)
        self.up = nn.Linear(hidden, dim)
        start_at_zero(self.down, up=self.up)

    def forward(self, tokens: Float[Tensor, "b n i"]) -> Float[Tensor, "b n d"]:
        """What is added to the stream; token 0 is the class token, the others a square of patches."""
        active = self.act(convolve_tokens(self.act(self.down(tokens)), self.conv.folded))
        added: Tensor = self.up(F.dropout(active, self.dropout, self.training))
        return added


class CdcAdapters(nn.Module):
    """One `CdcAdapter` for each modality; the arguments are its own."""

    def __init__(
        self, dim: int, *, hidden: int, theta: float, activation: Activation = "gelu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.of = nn.ModuleDict(
            {m: CdcAdapter(dim, hidden=hidden, theta=theta, activation=activation, dropout=dropout) for m in MODALITIES}
        )

    def forward(
        self, tokens: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> Float[Tensor, "m b n d"]:
        """Adapt each stream alone, so that masked ones need no care."""
        return torch.stack([self.of[m](one) for m, one in zip(MODALITIES, tokens, strict=True)])


def convolve_tokens(tokens: Float[Tensor, "b n i"], kernel: Float[Tensor, "o i k k"]) -> Float[Tensor, "b n o"]:
    """Convolve the patches as a map and the class token, token 0, as a map of one pixel.

    Args:
        tokens: class token and a square of patches.
        kernel: of odd side; zeros surround the map.
    """
    side = grid_side(tokens.shape[1] - 1)
    first = F.linear(tokens[:, :1], kernel[..., kernel.shape[-2] // 2, kernel.shape[-1] // 2])
    maps = tokens[:, 1:].transpose(1, 2).reshape(tokens.shape[0], -1, side, side)
    seen = F.conv2d(maps, kernel.to(maps.dtype), padding=kernel.shape[-1] // 2)
    return torch.cat([first, seen.flatten(2).transpose(1, 2)], dim=1)
