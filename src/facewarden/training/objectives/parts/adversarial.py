"""What the adversarial objectives share: another objective as the loss, an attack from the registry, and its price."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from facewarden.core import registry
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.batch import FaceBatch
from facewarden.core.gradient_source import GradientSource
from facewarden.core.labels import Modality
from facewarden.core.objective import Objective
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.within_budget import WithinBudget


@dataclass(frozen=True, eq=False)
class AdversarialLoss(Loss):
    """A loss that remembers on what it was computed.

    Attributes:
        batch, attacked: the clean samples and what the attack made of them.
    """

    batch: FaceBatch | None = None
    attacked: FaceBatch | None = None


class AdversarialObjective(WithinBudget):
    """Attack the batch with the model as it stands, then learn from what came out.

    Subclasses say what the attacker climbs and what is learned. Attacks see the model in evaluation mode, so that they
    move no batch statistics and no sample's attack depends on its company.

    Args:
        base, base_settings, eps, steps, step_size, modalities: as in `WithinBudget`.

    Raises:
        BadInputError: no budget, no steps, or a base that looks at the training data or makes its own gradients.
    """

    random_start = True

    def __init__(
        self,
        *,
        base: str = "multitask",
        base_settings: Mapping[str, Any] | None = None,
        eps: float = 4.0,
        steps: int = 2,
        step_size: float | None = None,
        modalities: tuple[Modality, ...] | list[Modality] = ("rgb",),
    ) -> None:
        super().__init__(
            base=base, base_settings=base_settings, eps=eps, steps=steps, step_size=step_size, modalities=modalities
        )
        self.attack: Attack = registry.load("attacks", "pgd")(
            steps=steps, step_size=self.step_size, random_start=self.random_start
        )

    @abstractmethod
    def goal(self, model: Detector, batch: FaceBatch) -> Objective:
        """What the attacker climbs."""

    @abstractmethod
    def learn(self, model: Detector, batch: FaceBatch, attacked: FaceBatch) -> Loss:
        """The loss of the clean samples and of what the attack made of them."""

    def reading(self) -> GradientSource | None:
        """Where the attack reads its gradients, if not at the image."""
        return None

    def compute(self, model: Detector, batch: FaceBatch) -> AdversarialLoss:
        """Attack, then learn; `parts` holds the gradients that a sample's step took, the one of the weights as well."""
        attacked, calls = self.adversarial(model, batch)
        loss = self.learn(model, batch, attacked)
        parts = {**loss.parts, "gradients": torch.tensor(float(calls + self.passes))}
        return AdversarialLoss(loss.total, parts, batch, attacked)

    passes = 1
    """How many times `learn` sends each sample through the model with gradients."""

    def adversarial(self, model: Detector, batch: FaceBatch) -> tuple[FaceBatch, int]:
        """Attack a batch; the attacked batch, and the gradients that it took per sample."""
        seed = int(torch.randint(2**31 - 1, (1,)))  # the loop seeds torch anew for every step
        with evaluating(model):
            metered = CountedObjective(self.goal(model, batch), self.threat, seed, reading=self.reading())
            images = metered.project(self.attack.perturb(metered))
        return batch.with_images({name: images[name].detach() for name in self.threat.modalities}), (
            metered.gradient_calls
        )


def mixed(clean: Loss, attacked: Loss, *, share: float) -> Loss:
    """`(1 - share) clean + share attacked`, with the parts of both."""
    parts = {**clean.parts, **{f"attacked/{name}": value for name, value in attacked.parts.items()}}
    return Loss((1.0 - share) * clean.total + share * attacked.total, parts)


def bernoulli_divergence(score: Tensor, other: Tensor) -> Tensor:
    """KL(sigmoid(score) || sigmoid(other)) of two-class decisions, per sample."""
    log = torch.nn.functional.logsigmoid
    p = torch.sigmoid(score)
    found: Tensor = p * (log(score) - log(other)) + (1 - p) * (log(-score) - log(-other))
    return found
