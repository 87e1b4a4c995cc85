"""Learning another objective's loss on images that an attacker moved within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewarden.core import registry
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector
from facewarden.core.threat import ThreatModel
from facewarden.training.objectives.parts.base import TrainingObjective


class WithinBudget(TrainingObjective):
    """The base loss, the budget and the steps of an attack; subclasses attack, and say what is learned.

    Args:
        base, base_settings: registry name of the loss that is learned, and its arguments; one that is computed anew for
            every batch and gives its gradients by its total alone.
        eps: budget in gray levels of 255.
        steps: gradient steps of the attack.
        step_size: in gray levels; by default a quarter of eps, and more where so many steps would not reach eps.
        modalities: which sensors' pixels are attacked.

    Raises:
        BadInputError: no budget, no steps, or a base that looks at the training data or makes its own gradients.
    """

    def __init__(
        self,
        *,
        base: str,
        base_settings: Mapping[str, Any] | None,
        eps: float,
        steps: int,
        step_size: float | None,
        modalities: tuple[Modality, ...] | list[Modality],
    ) -> None:
        if eps <= 0 or steps < 1:
            raise BadInputError(f"an attack of {eps:g} gray levels in {steps} steps", hint="eps=4, steps=2")
        self.base: TrainingObjective = registry.load("objectives", base)(**(base_settings or {}))
        _check_base(base, self.base)
        self.threat = ThreatModel(eps=eps / 255, modalities=tuple(modalities))
        self.steps = steps
        self.step_size = (step_size if step_size is not None else max(eps / 4, eps / steps)) / 255

    def statistics(self, model: Detector) -> dict[str, float]:
        """Those of the loss that is learned."""
        return self.base.statistics(model)

    def state_dict(self) -> dict[str, Any]:
        """State of the loss that is learned."""
        return {"base": self.base.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.base.load_state_dict(state.get("base", {}))


def _check_base(name: str, base: TrainingObjective) -> None:
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
