"""The rule of ReGrad on flat gradients: what the faster modality may add to the slower one's direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Rule = Literal["full", "off", "conflict_only", "aligned_only"]
Base = Literal["released", "relative", "missing"]

EPSILON = 1e-8
FAINT = 1e-6
"""A base shorter than this part of the fast side's gradient counts as missing, where `base` says so."""


def rebalance(
    gradients: Float[Tensor, "m p"],
    lengths: Sequence[int],
    *,
    owner: int,
    fast: bool,
    certainty: Float[Tensor, " m"],
    rule: Rule = "full",
    base: Base = "released",
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
        fast: whether that is the fastest modality; of modalities whose losses are equal, each is.
        certainty: weight of each modality's gradient where it is the fast side.
        rule: `full`; `off` adds the gradients up; `conflict_only` and `aligned_only` apply the rule in one of its two
            cases and add the fast gradient unchanged in the other.
        base: what keeps the quotient `<base, fast> / |base|^2` finite. `released` adds 1e-8 to the square, so that it
            matters how large the losses are: a base shorter than 1e-4 counts less and less. `relative` adds 1e-8 times
            the square of the fast side, `missing` takes a base below a millionth of the fast side for none, so that
            the fast side arrives whole; both do not depend on a common factor of all gradients.

    Returns:
        The combined gradient, and per tensor and fast side whether the two point against each other (a product of
        exactly 0, as of an absent gradient, is treated like a conflict but is none).
    """
    slow, pairs = _sides(gradients, owner=owner, fast=fast)
    norm = _per_tensor(slow * slow, lengths)
    total, conflicts = slow.clone(), []
    for m in pairs:
        part, conflict = _kept(slow, gradients[m], lengths, norm=norm, weight=certainty[m], rule=rule, kind=base)
        total += part
        conflicts.append(conflict)
    return total, torch.stack(conflicts, dim=1)


def base_lengths(
    gradients: Float[Tensor, "m p"], lengths: Sequence[int], *, owner: int, fast: bool
) -> tuple[Float[Tensor, " t"], Float[Tensor, "t k"]]:
    """Length of the base in each tensor, and of each fast side that is set against it; arguments as of `rebalance`."""
    slow, pairs = _sides(gradients, owner=owner, fast=fast)
    sides = [_per_tensor(gradients[m] * gradients[m], lengths) for m in pairs]
    return _per_tensor(slow * slow, lengths).sqrt(), torch.stack(sides, dim=1).sqrt()


def _sides(gradients: Tensor, *, owner: int, fast: bool) -> tuple[Tensor, list[int]]:
    """The base, and the modalities whose gradients are set against it."""
    others = [m for m in range(len(gradients)) if m != owner]
    return (gradients[others].sum(dim=0), [owner]) if fast else (gradients[owner], others)


def _kept(
    base: Tensor, fast: Tensor, lengths: Sequence[int], *, norm: Tensor, weight: Tensor, rule: Rule, kind: Base
) -> tuple[Tensor, Tensor]:
    """What is added of the fast side's gradient, as `along * base + own * fast` with two numbers per tensor."""
    product = _per_tensor(base * fast, lengths)
    if kind == "released":
        share = product / (norm + EPSILON)
    else:
        length = _per_tensor(fast * fast, lengths)
        if kind == "missing":
            product = torch.where(norm < FAINT**2 * length, torch.zeros_like(product), product)
        under = norm + EPSILON * length if kind == "relative" else norm
        share = torch.where(under > 0, product / torch.where(under > 0, under, torch.ones_like(under)), under)
    conflict = product <= 0
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
