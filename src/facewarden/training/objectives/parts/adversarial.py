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
from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import GradientSource
from facewarden.core.labels import Modality
from facewarden.core.objective import Objective
from facewarden.core.roles import Detector
from facewarden.core.threat import ThreatModel
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.evaluating import evaluating


@dataclass(frozen=True, eq=False)
class AdversarialLoss(Loss):
    """A loss that remembers on what it was computed.

    Attributes:
        batch, attacked: the clean samples and what the attack made of them.
    """

    batch: FaceBatch | None = None
    attacked: FaceBatch | None = None


class AdversarialObjective(TrainingObjective):
    """Attack the batch with the model as it stands, then learn from what came out.

    Subclasses say what the attacker climbs and what is learned. Attacks see the model in evaluation mode, so that they
    move no batch statistics and no sample's attack depends on its company.

    Args:
        base, base_settings: registry name of the loss that is learned, and its arguments; one that is computed anew for
            every batch and gives its gradients by its total alone.
        eps: budget in gray levels of 255.
        steps: gradient steps of the attack.
        step_size: in gray levels; a quarter of eps by default, and eps where there is one step.
        modalities: which sensors' pixels are attacked.

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
        if eps <= 0 or steps < 1:
            raise BadInputError(f"an attack of {eps:g} gray levels in {steps} steps", hint="eps=4, steps=2")
        self.base: TrainingObjective = registry.load("objectives", base)(**(base_settings or {}))
        check_base(base, self.base)
        self.threat = ThreatModel(eps=eps / 255, modalities=tuple(modalities))
        size = step_size if step_size is not None else (eps if steps == 1 else max(eps / 4, eps / steps))
        self.attack: Attack = registry.load("attacks", "pgd")(
            steps=steps, step_size=size / 255, random_start=self.random_start
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

    def statistics(self, model: Detector) -> dict[str, float]:
        """Those of the loss that is learned."""
        return self.base.statistics(model)

    def state_dict(self) -> dict[str, Any]:
        """State of the loss that is learned."""
        return {"base": self.base.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.base.load_state_dict(state.get("base", {}))


def check_base(name: str, base: TrainingObjective) -> None:
    """Refuse an objective that cannot be the loss of adversarial training, which passes on neither of these three.

    Args:
        name: of the registry.
        base: the objective.

    Raises:
        BadInputError: it looks at the training data, or makes its own gradients.
    """
    own = [what for what in ("begin", "refresh", "backward")
           if getattr(type(base), what) is not getattr(TrainingObjective, what)]  # fmt: skip
    if own:
        raise BadInputError(
            f"base {name!r} needs its own {', '.join(own)}, which adversarial training does not give it",
            hint="base: multitask, cross_entropy, or another that only computes a loss",
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
