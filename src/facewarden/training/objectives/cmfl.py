"""Cross-modal focal loss: a sensor's loss fades where the other sensors are confidently right and it is too."""

from __future__ import annotations

import itertools
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective

Partners = Literal["mean", "sum"]


def cross_modal_focal_loss(
    own: Float[Tensor, " b"], other: Float[Tensor, " b"], *, alpha: float, gamma: float
) -> Float[Tensor, " b"]:
    """`-alpha (1 - w)^gamma log p` with `w = q * 2 p q / (p + q)` for each sample.

    Args:
        own: log p, p the probability that this modality gives to the true class.
        other: log q, the same of the other modality.
        alpha, gamma: scale and focus.

    Source: George and Marcel, CVPR 2021, the definition of the loss and its weight.
    """
    p, q = own.exp(), other.exp()
    weight = 2 * p * q * q / (p + q).clamp(min=torch.finfo(p.dtype).tiny)
    return -alpha * (1 - weight).clamp(min=0) ** gamma * own


class Cmfl(TrainingObjective):
    """`(1 - share) CE(joint) + share * CMFL` over the single heads of a detector such as `cmfl`.

    The paper has two modalities and adds up both orders of them. With more, `sum` adds up all ordered pairs, the same
    rule; `mean` takes each modality's mean over its partners, which halves the cross-modal part where there are three.
    Both are the paper's where there are two. A sample's modality without a partner has its plain cross-entropy.

    Source: George and Marcel, "Cross Modal Focal Loss for RGBD Face Anti-Spoofing", CVPR 2021; share 0.5, alpha 1 and
    gamma 3 as there.

    Args:
        share: weight of the cross-modal part.
        alpha, gamma: of the focal loss.
        partners: `mean` or `sum` over the partners of a modality.
    """

    def __init__(
        self, *, share: float = 0.5, alpha: float = 1.0, gamma: float = 3.0, partners: Partners = "mean"
    ) -> None:
        if not 0 <= share <= 1 or gamma < 0 or partners not in get_args(Partners):
            raise BadInputError(
                f"cmfl: share {share}, gamma {gamma}, partners {partners!r}",
                hint="0 <= share <= 1, gamma >= 0, partners: mean or sum",
            )
        self.share, self.alpha, self.gamma, self.partners = share, alpha, gamma, partners

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            ContractError: the detector has no heads of its modalities.
        """
        output = model(batch)
        assert batch.label is not None  # checked by the caller
        held = [m for m in MODALITIES if m in output.tasks and m in batch.present]
        if not held:
            raise ContractError("cmfl needs a head for each modality", hint="train cmfl or vit_cdc_adapter with it")
        sign = batch.label.to(output.score) * 2 - 1
        joint = -F.logsigmoid(output.score * sign).mean()
        log_p = {m: F.logsigmoid(output.tasks[m][:, 0] * sign) for m in held}
        partners = {m: torch.zeros_like(sign) for m in held}
        focal = {m: torch.zeros_like(sign) for m in held}
        for own, other in itertools.permutations(held, 2):
            both = batch.present[own] & batch.present[other]
            value = cross_modal_focal_loss(log_p[own], log_p[other], alpha=self.alpha, gamma=self.gamma)
            focal[own] = focal[own] + torch.where(both, value, torch.zeros_like(value))
            partners[own] = partners[own] + both
        parts = {}
        for m in held:
            here = batch.present[m]
            if not bool(here.any()):
                continue
            many = partners[m].clamp(min=1) if self.partners == "mean" else torch.ones_like(partners[m])
            each = torch.where(partners[m] > 0, focal[m] / many, -log_p[m])
            parts[f"loss/{m}"] = each[here].sum() / len(batch)
        cross = torch.stack(list(parts.values())).sum() if parts else torch.zeros_like(joint)
        named = {"cross_entropy": joint.detach(), **{name: part.detach() for name, part in parts.items()}}
        return Loss((1 - self.share) * joint + self.share * cross, named)


entry = Cmfl
