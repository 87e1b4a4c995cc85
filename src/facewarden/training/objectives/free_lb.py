"""Free adversarial training: the passes that move the images also give the gradients that are learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.within_budget import WithinBudget


@dataclass(frozen=True, eq=False)
class FreeLoss(Loss):
    """The loss of the first pass, and where it was taken.

    Attributes:
        clean, moved: the batch, and the batch whose images get gradients.
    """

    clean: FaceBatch | None = None
    moved: FaceBatch | None = None


class FreeLb(WithinBudget):
    """Mean of the gradients at `steps` points of an ascent from a random start; no pass serves the attack alone.

    Every pass gives the gradient of the weights and that of the pixels, which moves the images for the next one. So
    `steps` gradients of a sample are learned from where `pgd_at` learns from one of them. The passes see the network in
    training mode, as the weights' gradient needs it.

    Args:
        base, base_settings, eps, step_size, modalities: as in `WithinBudget`.
        steps: passes; with one, the images are moved at random alone.

    Raises:
        BadInputError: no budget, no steps, or a base that looks at the training data or makes its own gradients.

    Source: Zhu et al., FreeLB: Enhanced Adversarial Training for Natural Language Understanding (2020), algorithm 1, in
    L-infinity and on pixels; Shafahi et al., Adversarial Training for Free! (2019), updates the weights in every pass.
    """

    def __init__(
        self,
        *,
        base: str = "multitask",
        base_settings: Mapping[str, Any] | None = None,
        eps: float = 4.0,
        steps: int = 3,
        step_size: float | None = None,
        modalities: tuple[Modality, ...] | list[Modality] = ("rgb",),
    ) -> None:
        super().__init__(
            base=base, base_settings=base_settings, eps=eps, steps=steps, step_size=step_size, modalities=modalities
        )

    def compute(self, model: Detector, batch: FaceBatch) -> FreeLoss:
        """Loss at a random point of the budget; `parts` holds the gradients that a sample's step takes."""
        start = {
            name: batch.images[name] + self.threat.eps * (2 * torch.rand_like(batch.images[name]) - 1)
            for name in self.threat.modalities
        }
        moved = self._at(batch, start)
        loss = self.base.compute(model, moved)
        parts = {**loss.parts, "gradients": torch.tensor(float(self.steps))}
        return FreeLoss(loss.total, parts, batch, moved)

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Ascend; every pass adds its share to the parameters' gradients."""
        if not isinstance(loss, FreeLoss) or loss.clean is None or loss.moved is None:
            run(loss.total)
            return
        total, moved = loss.total, loss.moved
        for number in range(1, self.steps + 1):
            run(total / self.steps)
            if number == self.steps:
                return
            slopes = {name: moved.images[name].grad for name in self.threat.modalities}
            higher = {
                name: moved.images[name].detach() + (0 if slope is None else self.step_size * slope.sign())
                for name, slope in slopes.items()
            }
            moved = self._at(loss.clean, higher)
            total = self.base.compute(model, moved).total

    def _at(self, batch: FaceBatch, images: Mapping[Modality, Tensor]) -> FaceBatch:
        """The batch with images inside the budget, as leaves of the graph."""
        inside = {
            name: self.threat.project(image.detach(), batch.images[name]).requires_grad_(True)
            for name, image in images.items()
        }
        return batch.with_images(inside)


entry = FreeLb
