"""TRADES: learn from clean samples, and to decide alike around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import Detector, PadOutput
from facewarden.training.objectives.parts.adversarial import AdversarialObjective, bernoulli_divergence
from facewarden.training.objectives.parts.base import Loss


class Trades(AdversarialObjective):
    """`base(x) + beta KL(p(x) || p(x'))`, where x' climbs that divergence of the two-class decision.

    Args:
        base, base_settings, eps, steps, step_size, modalities: as in `WithinBudget`. The published setting is
            eps .031, step size .007, 10 steps. The start is random in the whole budget, not within .001.
        beta: weight of deciding alike.

    Raises:
        BadInputError: no budget, no steps, or a negative beta.

    Source: Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy (2019), equation 5.
    """

    passes = 2

    def __init__(
        self,
        *,
        base: str = "multitask",
        base_settings: Mapping[str, Any] | None = None,
        eps: float = 4.0,
        steps: int = 1,
        step_size: float | None = None,
        beta: float = 6.0,
        modalities: tuple[Modality, ...] | list[Modality] = ("rgb",),
    ) -> None:
        super().__init__(
            base=base, base_settings=base_settings, eps=eps, steps=steps, step_size=step_size, modalities=modalities
        )
        if not 0.0 <= beta < float("inf"):
            raise BadInputError(f"beta {beta:g}", hint="beta=6.0")
        self.beta = beta

    def goal(self, model: Detector, batch: FaceBatch) -> Objective:
        """The divergence from the decision on the clean samples."""
        return _Apart(model, batch)

    def learn(self, model: Detector, batch: FaceBatch, attacked: FaceBatch) -> Loss:
        """The base loss of the clean samples, and the divergence."""
        seen: list[PadOutput] = []
        hook = model.register_forward_hook(lambda _model, _batch, output: seen.append(output))
        try:  # the base loss scores the clean samples; its pass is used again
            clean = self.base.compute(model, batch)
        finally:
            hook.remove()
        apart = bernoulli_divergence(seen[0].score, model(attacked).score).mean()
        return Loss(clean.total + self.beta * apart, {**clean.parts, "divergence": apart.detach()})


class _Apart(Objective):
    """Decide otherwise than on the clean samples, whatever they are."""

    goal = "apart"

    def __init__(self, model: Detector, batch: FaceBatch) -> None:
        self._evade = Evade(model, batch, threshold=0.0)
        self.clean, self.keys, self.label = batch.images, batch.key, batch.label
        with torch.no_grad():
            self._score = model(batch).score.detach()

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Return the divergence between clean and attacked decisions."""
        return bernoulli_divergence(self._score, self._evade.detector(self._evade.batch.with_images(images)).score)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the decision is wrong."""
        return self._evade.success(images)


entry = Trades
