"""A mixture of experts on single tokens: gated networks, and constants that answer the same whatever they are given."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

BALANCE, ROUTER = 1e-2, 1e-3
"""Weights of the balance loss and of the router's z-loss."""

_SECOND = 0.2


class Expert(nn.Module):
    """`out(gelu(g) * v)` with `[v, g] = in(rms(x))`; the inner width is 8 / 3 of the outer.

    Args:
        width: of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width * 8 // 3
        self.norm = nn.RMSNorm(width)
        self.into = nn.Linear(width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def forward(self, tokens: Float[Tensor, "*b w"]) -> Float[Tensor, "*b w"]:
        """Answer for each token alone."""
        value, gate = self.into(self.norm(tokens)).chunk(2, dim=-1)
        answer: Tensor = self.out(F.gelu(gate) * value)
        return answer


class MixtureOfExperts(nn.Module):
    """The two experts with the largest gates answer, the second only where its share of the two is above 0.2.

    There is no capacity and nothing is drawn, so that no token depends on the others; both are ours.

    Source: the mixture of "Purify then Guide" (MMDA), ECCV 2026, as its code has it: 4 gated experts and 3 constants.

    Args:
        width: of the tokens.
        gated, constant: how many experts of each kind.
    """

    def __init__(self, width: int, *, gated: int = 4, constant: int = 3) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert(width) for _ in range(gated))
        self.constants = nn.Parameter(torch.randn(constant, width) * width**-0.5)
        self.gate = nn.Linear(width, gated + constant, bias=False)

    def forward(self, tokens: Float[Tensor, "*b w"]) -> tuple[Float[Tensor, "*b w"], Float[Tensor, ""]]:
        """Answers, and the auxiliary loss of the gates: balance and z-loss with their weights."""
        logits = self.gate(tokens).float()
        shares = logits.softmax(dim=-1)
        top, index = shares.topk(2, dim=-1)
        kept = torch.stack(
            [top[..., 0], torch.where(top[..., 1] > _SECOND * top.sum(dim=-1), top[..., 1], 0.0)], dim=-1
        )
        weight = torch.zeros_like(shares).scatter(-1, index, kept / kept.sum(dim=-1, keepdim=True))
        fixed = self.constants.expand(*tokens.shape[:-1], -1, -1)
        answers = torch.cat([torch.stack([expert(tokens) for expert in self.experts], dim=-2), fixed], dim=-2)
        flat = shares.flatten(0, -2)
        often = F.one_hot(flat.argmax(dim=-1), flat.shape[-1]).to(flat).mean(dim=0)
        balance = flat.shape[-1] * (often * flat.mean(dim=0)).sum()
        auxiliary = BALANCE * balance + ROUTER * logits.logsumexp(dim=-1).square().mean()
        return (weight.to(answers)[..., None] * answers).sum(dim=-2), auxiliary
