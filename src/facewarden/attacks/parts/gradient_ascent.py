"""The gradient walk that the iterative attacks share; what sets them apart are options of it, which combine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.restarts import check_restarts, run_restarts
from facewarden.attacks.parts.smoothing import smooth
from facewarden.attacks.parts.steps import ascend, check_count, check_step, random_start, rows_of, step_length
from facewarden.core.attack import CountedObjective
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Transform
from facewarden.core.precision import Precision, check_precision

Gradients = dict[Modality, Tensor]


@dataclass(frozen=True, kw_only=True)
class GradientAscent:
    """A projected gradient walk and its options.

    Attributes:
        steps, step_size, random_start, restarts: as in `PGD`.
        stop_at_success: leave a sample alone with the first images that succeed.
        precision: "bfloat16" reads gradients under autocast with channels-last images.
        decay: of the momentum, a running sum of gradients divided by their mean absolute value; None walks along the
            bare gradient.
        look_ahead: read the gradient where the momentum would lead (Nesterov).
        diversity: random resizing and padding before the model.
        kernel: `(k, k)` weights that smooth the gradient.
        scales: average the gradients at the image divided by 1, 2, 4 …
        neighbors: how many random points around the image the gradient's variance is taken from.
        radius: of that neighborhood, in units of eps and the norm of the budget.

    Raises:
        BadInputError: a value that makes no sense.
    """

    steps: int = 10
    step_size: float | None = None
    random_start: bool = False
    restarts: int = 1
    stop_at_success: bool = False
    precision: Precision = "float32"
    decay: float | None = None
    look_ahead: bool = False
    diversity: Diversity | None = None
    kernel: Tensor | None = field(default=None, compare=False)
    scales: int = 1
    neighbors: int = 0
    radius: float = 1.5

    def __post_init__(self) -> None:
        check_count(self.steps, what="steps")
        check_count(self.scales, what="scales")
        check_step(self.step_size)
        draws = self.random_start or self.diversity is not None or self.neighbors > 0
        check_restarts(self.restarts, random=draws)
        check_precision(self.precision)
        if self.decay is not None and not 0.0 <= self.decay < float("inf"):
            raise BadInputError(f"decay must be a number >= 0, got {self.decay}", hint="decay=1.0")
        if self.neighbors < 0 or not 0.0 <= self.radius < float("inf"):
            raise BadInputError(f"{self.neighbors} neighbors within {self.radius} eps", hint="neighbors=5, radius=1.5")

    def run(self, objective: CountedObjective) -> Images:
        """Walk, and return the best of all restarts."""
        return run_restarts(
            objective,
            lambda part, restart: _AscentState(self, part, restart),
            steps=self.steps,
            restarts=self.restarts,
            stop_at_success=self.stop_at_success,
        )


class _AscentState:
    """One walk on its way."""

    def __init__(self, walk: GradientAscent, objective: CountedObjective, restart: int) -> None:
        self.ascent, self.objective, self._left = walk, objective, walk.steps
        self._images: Images = random_start(objective, stream=restart) if walk.random_start else objective.clean
        zeros = {name: torch.zeros_like(objective.clean[name]) for name in objective.threat.modalities}
        self._momentum: Gradients = zeros
        self._variance: Gradients = zeros
        self._draws = objective.generators("walk", str(restart))

    def images(self) -> Images:
        return self._images

    def reached(self) -> Tensor:
        return self.objective.success(self._images)

    def keep(self, rows: Tensor) -> None:
        self.objective = self.objective.narrow(rows)
        self._images, self._momentum, self._variance, self._draws = (
            rows_of(value, rows) for value in (self._images, self._momentum, self._variance, self._draws)
        )

    def step(self) -> None:
        walk, threat = self.ascent, self.objective.threat
        self._left -= 1
        size = step_length(threat, walk.step_size)
        point = self._images
        if walk.look_ahead and walk.decay is not None:
            point = self._ahead(walk.decay * size)
        plain = self._read(point)
        gradients = plain
        if walk.kernel is not None:
            gradients = {name: smooth(gradient, walk.kernel) for name, gradient in gradients.items()}
        if walk.neighbors:
            gradients = {name: gradient + self._variance[name] for name, gradient in gradients.items()}
        if walk.decay is not None:
            self._momentum = {
                name: _by_mean(gradient) + self._momentum[name] * walk.decay for name, gradient in gradients.items()
            }
            gradients = self._momentum
        if walk.neighbors and self._left:  # after the last step nobody would read it
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
        walk = self.ascent
        total: Gradients = {}
        for power in range(walk.scales):
            scale = 2.0**power
            diverse = walk.diversity.draw(point, self._draws) if walk.diversity is not None else None

            def through(images: Images, scale: float = scale, diverse: Transform | None = diverse) -> Images:
                reach = self.objective.threat.modalities
                scaled = {name: image / scale if name in reach else image for name, image in images.items()}
                seen = diverse(scaled) if diverse is not None else scaled
                return {name: _in_range(image) if name in reach else image for name, image in seen.items()}

            plain = scale == 1.0 and diverse is None and point is self._images
            gradients, _ = self.objective.gradient(
                point, through=None if plain else through, precision=walk.precision, valued=False
            )
            total = {name: total[name] + g for name, g in gradients.items()} if total else gradients
        return {name: gradient / walk.scales for name, gradient in total.items()} if walk.scales > 1 else total

    def _around(self) -> Gradients:
        """The mean gradient of random neighbors of the current images."""
        threat = self.objective.threat
        total: Gradients = {}
        for _ in range(self.ascent.neighbors):
            offset = {n: threat.scaled(self._uniform(n), radius=self.ascent.radius) for n in threat.modalities}
            gradients = self._read(self._shifted(offset, factor=1.0))
            total = {name: total[name] + g for name, g in gradients.items()} if total else gradients
        return {name: gradient / self.ascent.neighbors for name, gradient in total.items()}

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
