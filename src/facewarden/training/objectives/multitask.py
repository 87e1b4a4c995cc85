"""AENet's loss: the decision, attributes, spoof type, illumination, depth and reflection, each with its weight."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.core.tasks import AENET_WEIGHTS, HEADS, head_loss, known
from facewarden.training.objectives.parts.base import Loss, TrainingObjective


class Multitask(TrainingObjective):
    """`sum over heads of weight x mean over the samples whose target is known`.

    Args:
        weights: of heads, over AENet's (live 1, attributes 1, spoof type 0.1, illumination 0.01, depth 0.1, reflection
            0.1).
        only: head -> 1 or 0, to learn it from bona fide presentations or from attacks alone. AENet learns every head
            from both: an attack has no attributes, a bona fide presentation has type 0.

    Raises:
        BadInputError: an unknown head, a negative weight, or a class that is none.

    Source: Zhang et al., CelebA-Spoof, ECCV 2020, equations 1 to 3, joined over both branches.
    """

    def __init__(self, *, weights: Mapping[str, float] | None = None, only: Mapping[str, int] | None = None) -> None:
        unknown = sorted({*(weights or {}), *(only or {})} - set(HEADS))
        if unknown:
            raise BadInputError(f"unknown head {', '.join(unknown)}", hint=f"one of: {', '.join(HEADS)}")
        self.weights = {**AENET_WEIGHTS, **{head: float(value) for head, value in (weights or {}).items()}}
        self.only = dict(only or {})
        if min(self.weights.values()) < 0 or set(self.only.values()) - {0, 1}:
            raise BadInputError(
                f"weights {self.weights}, only {self.only}", hint="weights >= 0; 1 = bona fide, 0 = attacks"
            )

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch whose targets are in `tasks`; heads without any known target add nothing."""
        output = model(batch)
        assert batch.label is not None  # checked by the caller
        parts: dict[str, Tensor] = {}
        total = output.score.sum() * 0.0
        for head, value in output.tasks.items():
            target = batch.label if head == "live" else batch.tasks.get(head)
            if target is None or head not in self.weights:
                continue
            here = known(head, target)
            if head in self.only:
                here = here & (batch.label == self.only[head])
            if bool(here.any()):
                parts[head] = head_loss(head, value, target)[here].mean()
                total = total + self.weights[head] * parts[head]
        if not parts:
            raise BadInputError(
                f"{type(model).__name__} has none of the heads {', '.join(sorted(self.weights))}",
                hint='objective "cross_entropy" for a detector without heads (for adversarial ones: "base")',
            )
        return Loss(total, {f"loss/{head}": value.detach() for head, value in parts.items()})


entry = Multitask
