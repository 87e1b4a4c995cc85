"""The rule of ReGrad on flat gradients: what the faster modality may add to the slower one's direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Rule = Literal["full", "off", "conflict_only", "aligned_only"]

EPSILON = 1e-8


def rebalance(
    gradients: Float[Tensor, "m p"],
    lengths: Sequence[int],
    *,
    owner: int,
    fastest: int,
    certainty: Float[Tensor, " m"],
    rule: Rule = "full",
) -> tuple[Float[Tensor, " p"], Bool[Tensor, "t k"]]:
    """Gradient of the prototype losses for the tensors of one owner.

    The slow side is the base and stays as it is; of the fast side only the part along the base is kept where the two
    agree, only the part across it where they conflict, times the fast side's certainty. An owner that is not the
    fastest is the base for each other modality; the fastest owner is itself set against the sum of the others. Inner
    products are taken over each tensor on its own.

    Source: Lin et al., CVPR 2024, equation 5, in the three-modality form of the released code.

    Args:
        gradients: of each modality's loss, the owner's tensors flattened one after another; 0 where there is none.
        lengths: number of values of each tensor.
        owner: modality the tensors belong to.
        fastest: modality with the lowest loss.
        certainty: weight of each modality's gradient where it is the fast side.
        rule: `full`; `off` adds the gradients up; `conflict_only` and `aligned_only` apply the rule in one of its two
            cases and add the fast gradient unchanged in the other.

    Returns:
        The combined gradient, and per tensor and fast side whether the two point against each other (a product of
        exactly 0, as of an absent gradient, is treated like a conflict but is none).
    """
    others = [m for m in range(len(gradients)) if m != owner]
    if owner == fastest:
        base = gradients[others].sum(dim=0)
        pairs = [owner]
    else:
        base = gradients[owner]
        pairs = others
    norm = _per_tensor(base * base, lengths)
    total, conflicts = base.clone(), []
    for fast in pairs:
        part, conflict = _kept(base, gradients[fast], lengths, norm=norm, weight=certainty[fast], rule=rule)
        total += part
        conflicts.append(conflict)
    return total, torch.stack(conflicts, dim=1)


def _kept(
    base: Tensor, fast: Tensor, lengths: Sequence[int], *, norm: Tensor, weight: Tensor, rule: Rule
) -> tuple[Tensor, Tensor]:
    """What is added of the fast side's gradient, as `along * base + own * fast` with two numbers per tensor."""
    product = _per_tensor(base * fast, lengths)
    conflict = product <= 0
    share = product / (norm + EPSILON)
    along = torch.where(conflict, -share, share) * weight
    own = conflict.to(share.dtype) * weight
    if rule != "full":
        ruled = {"off": torch.zeros_like(conflict), "conflict_only": conflict, "aligned_only": ~conflict}[rule]
        along = torch.where(ruled, along, torch.zeros_like(along))
        own = torch.where(ruled, own, torch.ones_like(own))
    counts = torch.tensor(list(lengths), device=base.device)
    spread = torch.repeat_interleave(torch.stack([along, own]).to(base.dtype), counts, dim=1, output_size=len(base))
    return spread[0] * base + spread[1] * fast, product < 0


def _per_tensor(values: Tensor, lengths: Sequence[int]) -> Tensor:
    """Sum over each tensor's part, in double precision."""
    counts = torch.tensor(list(lengths), device=values.device)
    return torch.segment_reduce(values.double(), "sum", lengths=counts)
