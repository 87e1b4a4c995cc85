"""Binary cross-entropy of the fused score, plus that of each sensor alone so that every one learns to decide."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective


class CrossEntropy(TrainingObjective):
    """Mean binary cross-entropy with smoothed labels.

    The total is `fused + branch * mean over sensors`, where a sensor's term is its mean over the samples that have it.

    Args:
        branch: weight of the sensors' own terms, for detectors whose heads are named after modalities.
        smoothing: labels become `smoothing / 2` and `1 - smoothing / 2`, which keeps logits bounded.
    """

    def __init__(self, *, branch: float = 0.5, smoothing: float = 0.02) -> None:
        self.branch, self.smoothing = branch, smoothing

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch."""
        output = model(batch)
        assert batch.label is not None  # checked by the caller
        target = batch.label.to(output.score) * (1 - self.smoothing) + self.smoothing / 2
        parts = {"fused": _bce(output.score, target).mean()}
        for name in MODALITIES:
            here = batch.present.get(name)
            if name in output.tasks and here is not None and bool(here.any()):
                parts[f"loss/{name}"] = _bce(output.tasks[name][:, 0], target)[here].mean()
        single = [value for name, value in parts.items() if name != "fused"]
        total = parts["fused"] + (self.branch * torch.stack(single).mean() if single else 0.0)
        return Loss(total, {name: value.detach() for name, value in parts.items()})


def _bce(score: Tensor, target: Tensor) -> Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(score, target, reduction="none")


entry = CrossEntropy
