"""Adapters of MMDG++: each token's query comes from the side that is more certain, and its certainty tempers it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters.cdc_adapter import convolve_tokens
from facewarden.nn.multimodal.adapters.u_adapter import attend_by_channel, quick_gelu, start_at_zero
from facewarden.nn.multimodal.cdc import CentralDifferenceConv2d
from facewarden.nn.precision import at_least_single

RATE = 2.5
_THETA = 0.5


class CertainAdapter(nn.Module):
    """What one modality takes from the others: it gives key, value and residual, they or it the query of each token.

    Both sides are narrowed, `r = norm(act(down x))`. The certainty of a query is `exp(-2.5 mean_c exp(s_c))` with its
    log-variances `s`; the published 50 draws estimate the same mean. In evaluation a token's query is that of the more
    certain side; in training the receiver's is drawn with its share of the two certainties. Row i of the attention's
    logits is multiplied by the certainty of its query. Then residual, a linear layer, a central difference convolution
    and an up-projection that starts at zero.

    No gradient flows through certainties, as published: the layer of the log-variances stays as it was drawn.

    Source: Lin et al., "Reliable and Balanced Transfer Learning for Generalized Multimodal Face Anti-Spoofing"
    (MMDG++), TPAMI 2025, and its code, whose draw in training always takes the receiver (its share is inverted); heads
    of width 1 and a layer of each side are those of MMDG.

    Args:
        dim: width d of the transformer.
        hidden: channels inside, which are also the heads.
    """

    def __init__(self, dim: int, *, hidden: int) -> None:
        super().__init__()
        self.down_receiver, self.down_helper = nn.Linear(dim, hidden), nn.Linear(dim, hidden)
        self.norm_receiver, self.norm_helper = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.query, self.key, self.value = (nn.Linear(hidden, hidden, bias=False) for _ in range(3))
        self.spread = nn.Linear(hidden, hidden).requires_grad_(False)
        self.out, self.mix = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.conv = CentralDifferenceConv2d(hidden, hidden, theta=_THETA)
        self.up = nn.Linear(hidden, dim)
        start_at_zero(self.down_receiver, self.down_helper, up=self.up)

    def forward(
        self, receiver: Float[Tensor, "b n d"], helper: Float[Tensor, "b n d"], there: Float[Tensor, " b"] | None
    ) -> Float[Tensor, "b n d"]:
        """What is added to the receiver; where `there` is 0 the helper is absent and the receiver attends to itself."""
        keep = self.norm_receiver(quick_gelu(self.down_receiver(receiver)))
        given = self.norm_helper(quick_gelu(self.down_helper(helper)))
        own, other = self.query(keep), self.query(given)
        own_sure, other_sure = self.certainty(own), self.certainty(other)
        if self.training:
            taken = torch.rand(own_sure.shape, device=own.device) < own_sure / (own_sure + other_sure)
        else:
            taken = own_sure > other_sure
        if there is not None:
            taken = taken | (there <= 0)[:, None]
        query = torch.where(taken[..., None], own, other)
        sure = torch.where(taken, own_sure, other_sure)
        value = self.value(keep)
        attended = attend_by_channel(query * sure[..., None].to(query), self.key(keep), value)
        mixed = self.out(attended.to(value.dtype)) + keep
        active = quick_gelu(convolve_tokens(self.mix(mixed), self.conv.folded))
        added: Tensor = self.up(active)
        return added

    @torch.no_grad()
    def certainty(self, query: Float[Tensor, "b n h"]) -> Float[Tensor, "b n"]:
        """How certain each query is, in (0, 1)."""
        spread: Tensor = at_least_single(self.spread(query))
        return (-RATE * spread.exp().mean(dim=-1)).exp()


class CertainAdapters(nn.Module):
    """One `CertainAdapter` for each receiving modality, which both other modalities go through; the sum is added.

    Args:
        dim: width d of the transformer.
        hidden: channels inside.
    """

    def __init__(self, dim: int, *, hidden: int) -> None:
        super().__init__()
        self.into = nn.ModuleDict({m: CertainAdapter(dim, hidden=hidden) for m in MODALITIES})

    def forward(
        self, tokens: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> Float[Tensor, "m b n d"]:
        """What is added to each stream; an absent receiver gets nothing."""
        added = []
        for i, m in enumerate(MODALITIES):
            others = [j for j in range(len(MODALITIES)) if j != i]
            given = [self.into[m](tokens[i], tokens[j], None if weight is None else weight[j]) for j in others]
            total = torch.stack(given).sum(dim=0)
            added.append(total if weight is None else total * weight[i, :, None, None].to(total))
        return torch.stack(added)
