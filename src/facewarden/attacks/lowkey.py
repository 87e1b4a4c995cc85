"""LowKey: a cloak that moves the face and its smoothed copy away from what an ensemble of recognizers knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from facewarden.attacks.parts.steps import ascend, best_of, noisy_start
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, NotNegative, Positive, check_fields
from facewarden.nn.separable import filter_separably
from facewarden.nn.ssim import dssim

_STEPS = {"published": 50, "swift": 14}
_MOMENTUM = 0.5
_NO_DIVISION_BY_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class LowKey(Attack):
    """Sign steps along the gradient of two views of the face, plain and smoothed, less a price for visible change.

    With `PushAway` on several recognizers this climbs LowKey's own objective: for unit embeddings the squared distance
    to the clean embedding is twice one minus the cosine. Other goals gain the smoothed view in the same way.

    Three differences from the published code, all on purpose: the walk stays inside the budget of the threat model
    (there eps is set and not used, and the largest change is 33 of 255); the price of visible change is structural
    dissimilarity, because the trunk of LPIPS is not shipped; the mirrored copy of the face is not embedded.

    Args:
        pace: "published" takes 50 equal steps of eps / 20, each along both views. "swift" takes 14 steps that shrink
            from eps to eps / 10, along one view and then the other with some momentum: about the same shift for a
            seventh of the gradients (`benchmarks/cloak_speed.py`).
        steps: how many instead.
        step_size: length of a published step instead, in units of the [0, 1] pixel range.
        smoothing: standard deviation of the smoothed view in pixels, over a window of 7; 0 leaves that view out.
        price: weight of structural dissimilarity (1 - SSIM) / 2 against the loss of the two views.
        precision: "bfloat16" reads gradients in less time on processors with its instructions; what was reached is
            measured in float32.

    Raises:
        BadInputError: an unknown pace, fewer than one step, or a negative smoothing or price.

    Source: Cherepanova et al., "LowKey: Leveraging Adversarial Attacks to Protect Social Media Users from Facial
    Recognition", ICLR 2021, section 4.
    """

    pace: Literal["published", "swift"] = "published"
    steps: Count | None = None
    step_size: Positive | None = None
    smoothing: NotNegative = 3.0
    price: NotNegative = 1.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_precision(self.precision))
        check_fields(self)
        if self.pace == "swift" and self.step_size is not None:
            raise BadInputError(f"pace 'swift' with step_size {self.step_size}", hint="pace='swift', or a step_size")

    @property
    def count(self) -> int:
        """How many steps are taken: what was asked for, or those of the pace."""
        return _STEPS[self.pace] if self.steps is None else self.steps

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """The swift pace, or the published one where a cloak is to be thorough."""
        _, eps = super().cloak_strength(strength)
        return {"pace": "published" if thorough else "swift"}, eps

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, or the clean ones where it gained nothing."""
        threat, clean = objective.threat, objective.clean
        images = noisy_start(objective)
        memory: dict[Modality, Tensor] = {}
        for number in range(self.count):
            objective.at(number, steps=self.count)
            slopes = self._slopes(objective, images, number)
            if self.pace == "swift":
                memory = {name: _even(slope) + _MOMENTUM * memory.get(name, 0.0) for name, slope in slopes.items()}
                slopes = memory
            images = objective.project(ascend(images, slopes, norm=threat.norm, size=self._size(threat.eps, number)))
        return best_of(objective, [clean, images])

    def _size(self, eps: float, number: int) -> float:
        if self.pace == "swift":
            return eps * (1.0 - 0.9 * number / max(1, self.count - 1))
        return eps / 20 if self.step_size is None else self.step_size

    def _slopes(self, objective: CountedObjective, images: Images, number: int) -> dict[Modality, Tensor]:
        views = [None, self._smooth] if self.smoothing > 0 else [None]
        if self.pace == "swift":
            views = [views[(number + 1) % len(views)]] * len(views)
        read = {
            view: objective.gradient(images, through=view, precision=self.precision, valued=False)[0]
            for view in dict.fromkeys(views)
        }
        slopes = {name: sum((read[view][name] for view in views[1:]), read[views[0]][name]) for name in read[views[0]]}
        if self.price > 0:
            for name in slopes:
                slopes[name] = slopes[name] - self.price * _visible(images[name], objective.clean[name])
        return slopes

    def _smooth(self, images: Images) -> Images:
        offsets = torch.arange(-3.0, 4.0)
        weights = torch.exp(-(offsets**2) / (2 * self.smoothing**2))
        return {name: _smoothed(image, (weights / weights.sum()).to(image)) for name, image in images.items()}


def _even(slope: Tensor) -> Tensor:
    """Scale every sample's gradient to a mean absolute value of one, so that steps count alike."""
    return slope / (slope.abs().mean(dim=(1, 2, 3), keepdim=True) + _NO_DIVISION_BY_ZERO)


def _smoothed(images: Tensor, weights: Tensor) -> Tensor:
    reach = len(weights) // 2
    mode = "reflect" if reach < min(images.shape[-2:]) else "replicate"
    padded = pad(images, (reach, reach, reach, reach), mode=mode)
    return filter_separably(padded, weights).clamp(0.0, 1.0)  # an average of values in range, up to rounding


def _visible(images: Tensor, clean: Tensor) -> Tensor:
    """Gradient of the structural dissimilarity of every image to its clean one."""
    moving = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        total = dssim(moving, clean).sum()
        return torch.autograd.grad(total, moving)[0]


entry = LowKey
