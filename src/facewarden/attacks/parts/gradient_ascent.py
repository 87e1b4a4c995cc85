"""The gradient ascent that the iterative attacks share; what sets them apart is its rule, whose parts combine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.smoothing import smooth
from facewarden.attacks.parts.steps import ascend, rows_of, step_length
from facewarden.attacks.parts.steps import random_start as start_at_random
from facewarden.core.attack import CountedObjective
from facewarden.core.compute.precision import Precision
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Transform

Gradients = dict[Modality, Tensor]


@dataclass(frozen=True, kw_only=True)
class AscentRule:
    """How each step of an ascent is taken; without any of it, along the gradient at the images themselves.

    The ranges of these values stand on the attacks that offer them.

    Attributes:
        decay: of the momentum, a running sum of gradients divided by their mean absolute value; None walks along the
            bare gradient.
        look_ahead: read the gradient where the momentum would lead (Nesterov).
        diversity: random resizing and padding before the model.
        kernel: `(k, k)` weights that smooth the gradient.
        scales: average the gradients at the image divided by 1, 2, 4 …
        neighbors: how many random points around the image the gradient's variance is taken from.
        radius: of that neighborhood, in units of eps and the norm of the budget.
    """

    decay: float | None = None
    look_ahead: bool = False
    diversity: Diversity | None = None
    kernel: Tensor | None = field(default=None, compare=False)
    scales: int = 1
    neighbors: int = 0
    radius: float = 1.5

    @property
    def draws(self) -> bool:
        """Whether two ascents from the same start differ."""
        return self.diversity is not None or self.neighbors > 0


class AscentState:
    """One ascent on its way, which `run_restarts` steps.

    Args:
        objective: what is climbed.
        restart: the number of the try, by which its random draws differ.
        rule: how a step is taken.
        steps: how many will be taken.
        step_size: length of a step; None leaves it to the budget.
        random_start: start at a random point of the budget instead of the clean image.
        precision: in which gradients are read.
    """

    def __init__(
        self,
        objective: CountedObjective,
        restart: int,
        *,
        rule: AscentRule,
        steps: int,
        step_size: float | None,
        random_start: bool,
        precision: Precision,
    ) -> None:
        self.rule, self.objective, self._left = rule, objective, steps
        self._step_size, self._precision = step_size, precision
        self._images: Images = start_at_random(objective, stream=restart) if random_start else objective.clean
        zeros = {name: torch.zeros_like(objective.clean[name]) for name in objective.threat.modalities}
        self._momentum: Gradients = zeros
        self._variance: Gradients = zeros
        self._draws = objective.generators("walk", str(restart))

    def images(self) -> Images:
        """What the ascent has reached so far."""
        return self._images

    def reached(self) -> Tensor:
        """`(b,)` bool, samples on which `images` succeeds."""
        return self.objective.success(self._images)

    def keep(self, rows: Tensor) -> None:
        """Go on with the samples of this bool mask only."""
        self.objective = self.objective.narrow(rows)
        self._images, self._momentum, self._variance, self._draws = (
            rows_of(value, rows) for value in (self._images, self._momentum, self._variance, self._draws)
        )

    def step(self) -> None:
        """Go one step."""
        rule, threat = self.rule, self.objective.threat
        self._left -= 1
        size = step_length(threat, self._step_size)
        point = self._images
        if rule.look_ahead and rule.decay is not None:
            point = self._ahead(rule.decay * size)
        plain = self._read(point)
        gradients = plain
        if rule.kernel is not None:
            gradients = {name: smooth(gradient, rule.kernel) for name, gradient in gradients.items()}
        if rule.neighbors:
            gradients = {name: gradient + self._variance[name] for name, gradient in gradients.items()}
        if rule.decay is not None:
            self._momentum = {
                name: _by_mean(gradient) + self._momentum[name] * rule.decay for name, gradient in gradients.items()
            }
            gradients = self._momentum
        if rule.neighbors and self._left:  # after the last step nobody would read it
            around = self._around()
            self._variance = {name: around[name] - gradient for name, gradient in plain.items()}
        self._images = self.objective.project(ascend(self._images, gradients, norm=threat.norm, size=size))

    def _ahead(self, size: float) -> Images:
        """Where the momentum would lead; with an L2 budget it is a direction, as in the step itself."""
        if self.objective.threat.norm == "l2":
            return ascend(self._images, self._momentum, norm="l2", size=size)
        return self._shifted(self._momentum, factor=size)

    def _shifted(self, offset: Gradients, *, factor: float) -> Images:
        return {**self._images, **{name: self._images[name] + factor * shift for name, shift in offset.items()}}

    def _read(self, point: Images) -> Gradients:
        """The gradient at a point, averaged over scales, through random geometry."""
        rule = self.rule
        total: Gradients = {}
        for power in range(rule.scales):
            scale = 2.0**power
            diverse = rule.diversity.draw(point, self._draws) if rule.diversity is not None else None

            def through(images: Images, scale: float = scale, diverse: Transform | None = diverse) -> Images:
                reach = self.objective.threat.modalities
                scaled = {name: image / scale if name in reach else image for name, image in images.items()}
                seen = diverse(scaled) if diverse is not None else scaled
                return {name: _in_range(image) if name in reach else image for name, image in seen.items()}

            plain = scale == 1.0 and diverse is None and point is self._images
            gradients, _ = self.objective.gradient(
                point, through=None if plain else through, precision=self._precision, valued=False
            )
            total = {name: total[name] + g for name, g in gradients.items()} if total else gradients
        return {name: gradient / rule.scales for name, gradient in total.items()} if rule.scales > 1 else total

    def _around(self) -> Gradients:
        """The mean gradient of random neighbors of the current images."""
        threat = self.objective.threat
        total: Gradients = {}
        for _ in range(self.rule.neighbors):
            offset = {n: threat.scaled(self._uniform(n), radius=self.rule.radius) for n in threat.modalities}
            gradients = self._read(self._shifted(offset, factor=1.0))
            total = {name: total[name] + g for name, g in gradients.items()} if total else gradients
        return {name: gradient / self.rule.neighbors for name, gradient in total.items()}

    def _uniform(self, modality: Modality) -> Tensor:
        image = self._images[modality]
        if not len(image):
            return torch.zeros_like(image)
        shape = image.shape[1:]
        draws = [torch.empty(shape).uniform_(-1.0, 1.0, generator=generator) for generator in self._draws]
        return torch.stack(draws).to(image)


class _InRange(torch.autograd.Function):
    """Clamp to [0, 1] with the gradient of not clamping.

    A model refuses pixels outside the range, where the papers let a point wander that is only looked at.
    """

    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        return images.clamp(0.0, 1.0)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def _in_range(image: Tensor) -> Tensor:
    clamped: Tensor = _InRange.apply(image)  # type: ignore[no-untyped-call]
    return clamped


def _by_mean(gradient: Tensor) -> Tensor:
    """Each sample's gradient divided by its mean absolute value; one that is zero stays zero."""
    mean = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
    return torch.where(mean > 0, gradient / mean, torch.zeros_like(gradient))
