"""Attention over the modalities' vectors from which a second map, that of a partner, is subtracted."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

START = 0.8 - 0.6 * math.exp(-3.6)
"""The share of the second map at the start, lambda_0."""


class DifferentialAttention(nn.Module):
    """`rms((W - lambda D) V) (1 - lambda_0)`: W attends among the tokens, D among the partner's own.

    `W = softmax(q k^T / sqrt w)`, `D = softmax(q_d k_d^T / sqrt w)` with projections of their own, both with dropout,
    in several heads; `lambda = exp(l_1 . m_1) - exp(l_2 . m_2) + lambda_0` with four learned vectors.

    Source: "Purify then Guide" (MMDA), ECCV 2026, after Ye et al., "Differential Transformer".

    Args:
        width: w of the tokens.
        heads: they divide the width.
        dropout: on both maps.
    """

    def __init__(self, width: int, *, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.partner_query, self.partner_key = (
            nn.Linear(width, width, bias=False) for _ in range(5)
        )
        self.left = nn.Parameter(torch.randn(2, width) * 0.1)
        self.right = nn.Parameter(torch.randn(2, width) * 0.1)
        self.norm = nn.RMSNorm(width)

    @property
    def share(self) -> Float[Tensor, ""]:
        """How much of the second map is subtracted, lambda."""
        first, second = (self.left * self.right).sum(dim=1).exp().unbind()
        share: Tensor = first - second + START
        return share

    def forward(
        self,
        tokens: Float[Tensor, "b m w"],
        partner: Float[Tensor, "b m w"],
        weight: Float[Tensor, "b m"] | None = None,
    ) -> Float[Tensor, "b m w"]:
        """Attend; where `weight` is 0 a token is not attended to."""
        own = self._map(self.query(tokens), self.key(tokens), weight)
        noise = self._map(self.partner_query(partner), self.partner_key(partner), weight)
        mixed = (own - self.share * noise) @ self._split(self.value(tokens))
        normed: Tensor = self.norm(mixed.transpose(1, 2).flatten(2))
        return normed * (1 - START)

    def _map(self, query: Tensor, key: Tensor, weight: Tensor | None) -> Tensor:
        logits = self._split(query) @ self._split(key).transpose(-1, -2) / math.sqrt(query.shape[-1])
        if weight is not None:
            logits = logits.masked_fill((weight <= 0)[:, None, None], -torch.inf)
        return F.dropout(logits.softmax(dim=-1), self.dropout, self.training)

    def _split(self, x: Tensor) -> Tensor:
        split: Tensor = x.reshape(*x.shape[:-1], self.heads, -1)
        return split.transpose(1, 2)
