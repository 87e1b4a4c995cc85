"""Bottleneck adapters without a convolution, one for each modality, that never look at another token or modality."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters.u_adapter import start_at_zero


class PlainAdapters(nn.Module):
    """`up(gelu(down(x)))` on the tokens of each stream; fresh ones add nothing.

    Source: Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019; beside the layers instead of
    behind them as in Chen et al., "AdaptFormer", NeurIPS 2022.

    Args:
        dim: width d of the transformer.
        hidden: channels inside.
    """

    def __init__(self, dim: int, *, hidden: int) -> None:
        super().__init__()
        self.down = nn.ModuleDict({m: nn.Linear(dim, hidden) for m in MODALITIES})
        self.up = nn.ModuleDict({m: nn.Linear(hidden, dim) for m in MODALITIES})
        for m in MODALITIES:
            down, up = self.down[m], self.up[m]
            assert isinstance(down, nn.Linear)
            assert isinstance(up, nn.Linear)
            start_at_zero(down, up=up)

    def forward(
        self, tokens: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> Float[Tensor, "m b n d"]:
        """What is added to each stream; each is adapted alone, so that masked ones need no care."""
        return torch.stack([self.up[m](F.gelu(self.down[m](x))) for m, x in zip(MODALITIES, tokens, strict=True)])
