"""Every sample also without some of its sensors: it keeps its class, and what is left keeps its features."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.prototype_objective import present_of, tokens_of


class MissingConsistency(TrainingObjective):
    """`L_ce + L_ce(masked) + weight * (1 - cos)` of a batch and the same batch without drawn sensors.

    One or two of the sensors that a sample has are taken away. The cosine is between the class tokens of each sensor
    that is left, masked and whole, and no gradient flows into the whole ones. For detectors that go without any sensor
    and whose features are class tokens side by side, such as `vp_fas_like` and `ama`.

    Source: the idea of the missing-modality regularization of Yu et al., VP-FAS, TDSC 2024, as its abstract tells it;
    the form is ours.

    Args:
        weight: of the consistency.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        if weight < 0:
            raise BadInputError(f"missing_consistency: weight {weight}", hint="weight >= 0")
        self.weight = weight

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            ContractError: features that are not three class tokens.
        """
        assert batch.label is not None  # checked by the caller
        masked = without_some(batch)
        whole, part = model(batch), model(masked)
        sign = batch.label.to(whole.score) * 2 - 1
        full, left = tokens_of(whole.features), tokens_of(part.features)
        here = present_of(masked)
        alike = F.cosine_similarity(left, full.detach(), dim=-1)
        parts = {
            "cross_entropy": -F.logsigmoid(whole.score * sign).mean(),
            "masked": -F.logsigmoid(part.score * sign).mean(),
            "consistency": ((1 - alike) * here).sum() / here.sum().clamp(min=1),
        }
        total = parts["cross_entropy"] + parts["masked"] + self.weight * parts["consistency"]
        return Loss(total, {name: value.detach() for name, value in parts.items()})


def without_some(batch: FaceBatch) -> FaceBatch:
    """The batch without one or two sensors of each sample that has several, drawn by torch's generator."""
    present: Tensor = present_of(batch)
    held = present.sum(dim=0)
    rank = torch.rand(present.shape).to(present.device).masked_fill(~present, 2.0).argsort(dim=0).argsort(dim=0)
    most = (held - 1).clamp(min=0)
    lost = (1 + (torch.rand(len(batch)).to(present.device) * most).long()).minimum(most)
    kept = present & (rank >= lost)
    return replace(batch, present={m: kept[i] for i, m in enumerate(MODALITIES) if m in batch.present})


entry = MissingConsistency
