"""Angles between modalities and domains, and how much two vectors tell of each other: the terms that DADM adds."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from facewarden.nn.precision import at_least_single

Bound = Literal["infonce", "additive"]

REAL, ATTACK = 1.0, 0.85
"""Cosine that mean features of one modality are to have between domains, bona fide and attack."""

_TEMPERATURE = 0.07


def angle_loss(
    tokens: Float[Tensor, "m b d"],
    *,
    label: Int[Tensor, " b"],
    domain: Int[Tensor, " b"],
    present: Bool[Tensor, "m b"],
) -> Float[Tensor, ""]:
    """How far mean directions of the domains are from their places, a mean over pairs of domains, a sum over classes.

    With z the unit mean of unit features of a domain, class and modality, a pair of domains d, e costs, for each
    modality m, `(cos(z_dm, z_em) - tau)^2` with tau 1 for bona fide and 0.85 for attacks, and for each pair of
    modalities `(cos(z_dm, z_dn) - cos(z_em, z_en))^2`. What a batch has no samples of costs nothing.

    Source: Yang et al., "DADM", ICCV 2025, the variant on mean features of its code.

    Args:
        tokens: class tokens.
        label: 1 bona fide, 0 attack.
        domain: position of each sample's domain.
        present: samples without a modality are left out of its mean.
    """
    unit = F.normalize(at_least_single(tokens), dim=-1)
    total = unit.new_zeros(())
    for wanted, tau in ((1, REAL), (0, ATTACK)):
        means: dict[int, dict[int, Tensor]] = {}
        for d in sorted(set(domain.tolist())):
            here = present & ((label == wanted) & (domain == d))
            means[d] = {
                m: F.normalize(unit[m, rows].mean(dim=0), dim=0) for m, rows in enumerate(here) if bool(rows.any())
            }
        pairs = [(means[d], means[e]) for d, e in itertools.combinations(means, 2)]
        for one, other in pairs:
            both = sorted(set(one) & set(other))
            for m in both:
                total = total + (one[m] @ other[m] - tau).square() / len(pairs)
            for m, n in itertools.combinations(both, 2):
                total = total + (one[m] @ one[n] - other[m] @ other[n]).square() / len(pairs)
    return total


def information_loss(information: Float[Tensor, "l p 2 b d"], *, bound: Bound) -> Float[Tensor, " p"]:
    """Minus a lower bound of the information that the two vectors of each pair have of each other, mean over blocks.

    `infonce`: `log b - CE` over cosines at temperature 0.07, the mean of both directions. `additive`, as published: the
    Donsker-Varadhan form with the element-wise critic `(u + v) / 2`, whose shuffled pairs are two permutations of the
    batch; as the critic is a sum, the bound hardly depends on how the two are paired.

    Source: Yang et al., "DADM", ICCV 2025; van den Oord et al., "Representation Learning with Contrastive Predictive
    Coding", 2018.
    """
    one, other = information[:, :, 0], information[:, :, 1]
    count = one.shape[2]
    if bound == "infonce":
        logits = F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).transpose(2, 3) / _TEMPERATURE
        forward, backward = (
            -torch.diagonal(x.log_softmax(dim=-1), dim1=-2, dim2=-1).mean(dim=-1)
            for x in (logits, logits.transpose(2, 3))
        )
        return ((forward + backward) / 2 - math.log(count)).mean(dim=0)
    first, second = (torch.randperm(count, device=one.device) for _ in range(2))
    shuffled = (one[:, :, first] + other[:, :, second]) / 2
    size = shuffled.shape[2] * shuffled.shape[3]
    partition = shuffled.flatten(2).logsumexp(dim=-1) - math.log(size)
    bounds = ((one + other) / 2).mean(dim=(2, 3)) - partition
    return -bounds.mean(dim=0)
