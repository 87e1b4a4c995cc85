"""Each sensor's own cross-entropy, added up: nothing is learned from two sensors together."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective


class Unimodal(TrainingObjective):
    """Sum over sensors of the mean cross-entropy of their own heads over the samples that have them.

    For detectors whose heads are named after modalities; the fused score has no loss. With `unimodal_ensemble` on a
    frozen trunk it is three separate trainings in one.
    """

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            ContractError: the detector has no heads of its modalities.
        """
        output = model(batch)
        assert batch.label is not None  # checked by the caller
        sign = batch.label.to(output.score) * 2 - 1
        parts = {}
        for name in MODALITIES:
            here = batch.present.get(name)
            if name in output.tasks and here is not None and bool(here.any()):
                parts[f"loss/{name}"] = -F.logsigmoid(output.tasks[name][:, 0] * sign)[here].mean()
        if not parts:
            raise ContractError("unimodal needs a head for each modality", hint="train unimodal_ensemble with it")
        return Loss(torch.stack(list(parts.values())).sum(), {name: value.detach() for name, value in parts.items()})


entry = Unimodal
