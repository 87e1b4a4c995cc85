"""Does a common factor of all losses change what ReGrad's rule makes of the gradients, beyond the factor itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch

from facewarden.core.seeding import derive
from facewarden.training.objectives.parts.regrad_math import Base, rebalance

FACTORS = (1e-3, 1e3)
_TENSORS, _VALUES = 84, 32
_BASES, _OWN = (-11.0, -7.0), (-6.0, -3.0)
"""Powers of ten between which lengths of bases and of a sensor's own gradients lie in trainings with weight 0.1."""


def changes(factors: Sequence[float] = FACTORS) -> dict[str, dict[str, float]]:
    """Rule -> factor -> how far the step moves, as a share of its length: `|r(c g) / c - r(g)| / |r(g)|`.

    Gradients are drawn with the lengths that were measured in trainings: 84 tensors of the fastest owner, whose base
    is 1e-11 to 1e-7 long and whose own gradient 1e-6 to 1e-3.
    """
    gradients = _gradients()
    lengths = [_VALUES] * _TENSORS
    moved: dict[str, dict[str, float]] = {}
    for kind in get_args(Base):

        def step(scale: float, kind: Base = kind) -> torch.Tensor:
            whole, _ = rebalance(
                gradients * scale, lengths, owner=0, fast=True, certainty=torch.ones(3, dtype=torch.float64), base=kind
            )
            found: torch.Tensor = whole / scale
            return found

        plain = step(1.0)
        moved[kind] = {f"{c:g}": float((step(c) - plain).norm() / plain.norm()) for c in factors}
    return moved


def _gradients() -> torch.Tensor:
    draw = torch.Generator().manual_seed(derive(0, "regrad invariance") % 2**31)

    def drawn(low: float, high: float) -> torch.Tensor:
        lengths = 10 ** (low + (high - low) * torch.rand(_TENSORS, 1, generator=draw, dtype=torch.float64))
        values = torch.randn(_TENSORS, _VALUES, generator=draw, dtype=torch.float64)
        unit: torch.Tensor = values / values.norm(dim=1, keepdim=True)
        return (unit * lengths).flatten()

    return torch.stack([drawn(*_OWN), drawn(*_BASES), drawn(*_BASES)])
