"""Adversarial training: learn from samples that PGD has moved against the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.adversarial import AdversarialObjective, mixed
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.split_norm import statistics_kept


class PgdAt(AdversarialObjective):
    """`(1 - share) base(x) + share base(x')`, x' from PGD with a random start on the decision's cross-entropy.

    Args:
        base, base_settings, eps, steps, step_size, modalities: as in `WithinBudget`: by default the multitask
            loss on images within 4 gray levels, in 2 steps. The published setting is eps 8, step size 2, 10 steps.
        share: of the attacked samples in the loss; 1 is the published method.
        split: whether the statistics of batch normalization come from the clean samples alone, see `statistics_kept`.

    With one step of 1.25 eps this is the fast variant.

    Raises:
        BadInputError: no budget, no steps, a share outside (0, 1], or a split without clean samples.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks (2018), equation 2.1; Wong et
    al., Fast is Better than Free (2020), algorithm 3.
    """

    def __init__(
        self,
        *,
        base: str = "multitask",
        base_settings: Mapping[str, Any] | None = None,
        eps: float = 4.0,
        steps: int = 2,
        step_size: float | None = None,
        share: float = 1.0,
        split: bool = False,
        modalities: tuple[Modality, ...] | list[Modality] = ("rgb",),
    ) -> None:
        super().__init__(
            base=base, base_settings=base_settings, eps=eps, steps=steps, step_size=step_size, modalities=modalities
        )
        if not 0.0 < share <= 1.0:
            raise BadInputError(f"a share of {share:g} attacked samples", hint="share=1.0")
        if split and share == 1.0:
            raise BadInputError("split statistics need clean samples", hint="share=0.5")
        self.share, self.split = share, split
        self.passes = 1 if share == 1.0 else 2

    def goal(self, model: Detector, batch: FaceBatch) -> Evade:
        """The decision's cross-entropy."""
        return Evade(model, batch, threshold=0.0, loss="cross_entropy")

    def learn(self, model: Detector, batch: FaceBatch, attacked: FaceBatch) -> Loss:
        """The base loss of the attacked samples, and of the clean ones where they have a share."""
        with statistics_kept(model, on=self.split):
            loss = self.base.compute(model, attacked)
        return loss if self.share == 1.0 else mixed(self.base.compute(model, batch), loss, share=self.share)


entry = PgdAt
