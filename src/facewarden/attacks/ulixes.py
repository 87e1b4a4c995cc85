"""Ulixes style: away from the own face as far as a margin asks, and no farther than that."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facewarden.attacks.parts.steps import ascend, noisy_start
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, Positive, check_fields

_STEP = 1 / 10  # of the budget


@dataclass(frozen=True, kw_only=True, eq=False)
class Ulixes(Attack):
    """Gradient steps on a hinge: a face that is a margin beyond the decision of every surrogate has had enough.

    The paper's masks push a face out of its owner's cluster with a triplet-like loss, so that its distance to the owner
    exceeds a margin, and keep the mask small. Ours: the triplet's anchor is the goal's reference (the face itself), the
    surrogate that still sees the person best is the one that is climbed, a sample that has passed the margin stays as
    it is, and one that has gone farther than needed is scaled back to the smallest mask that still passes.

    Args:
        margin: of cosine similarity below the goal's threshold.
        steps: gradient steps at most.
        step_size: length of a step in units of the [0, 1] pixel range; a tenth of the budget by default.

    Raises:
        BadInputError: a count below one, a step size that is not positive, or a margin that is not finite.

    Source: after Cilloni et al., "Ulixes: Facial Recognition Privacy with Adversarial Machine Learning", PoPETs 2022.
    """

    margin: float = 0.2
    steps: Count = 30
    step_size: Positive | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the smallest masks on the way that pass the margin, and the farthest ones where none does."""
        threat, clean = objective.threat, objective.clean
        images = noisy_start(objective)
        best, reach = dict(clean), objective.loss(clean, of="margin")
        size = threat.eps * _STEP if self.step_size is None else self.step_size
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            slopes, reached = objective.gradient(images, of="margin")
            best, reach = _farther(images, best, reached, reach, enough=self.margin)
            images = objective.project(ascend(images, slopes, norm=threat.norm, size=size))
        best, reach = _farther(images, best, objective.loss(images, of="margin"), reach, enough=self.margin)
        return self._smallest(objective, best, reach)

    def _smallest(self, objective: CountedObjective, images: Images, reach: Tensor) -> Images:
        """Scale the masks that pass down by bisection, as far as they still do."""
        clean = objective.clean
        passes = reach >= self.margin
        low, high = torch.zeros_like(reach), torch.ones_like(reach)
        for _ in range(4):
            middle = (low + high) / 2
            tried = _scaled(clean, images, middle)
            good = objective.loss(tried, of="margin") >= self.margin
            low, high = torch.where(good, low, middle), torch.where(good, middle, high)
        return _scaled(clean, images, torch.where(passes, high, torch.ones_like(high)))


def _farther(
    images: Images, best: Images, reached: Tensor, reach: Tensor, *, enough: float
) -> tuple[dict[Modality, Tensor], Tensor]:
    """Keep what goes farther, and what has gone far enough as it is."""
    better = (reached > reach) & (reach < enough)
    rows = better.view(-1, 1, 1, 1)
    return {name: torch.where(rows, images[name], best[name]) for name in best}, torch.where(better, reached, reach)


def _scaled(clean: Images, images: Images, share: Tensor) -> dict[Modality, Tensor]:
    return {name: clean[name] + share.view(-1, 1, 1, 1) * (images[name] - clean[name]) for name in clean}


entry = Ulixes
