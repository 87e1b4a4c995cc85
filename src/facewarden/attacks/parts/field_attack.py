"""What cloaks share that change a face by a smooth field: few parameters on a coarse grid, climbed by gradient."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.steps import best_of, check_count
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.threat import ThreatModel

_MOMENTUM = 0.5
_START = 0.2  # at the clean face itself a push away has no gradient
_NO_DIVISION_BY_ZERO = 1e-12


class FieldAttack(Attack):
    """Sign steps on the parameters of a smooth field, each of them in [-1, 1]; subclasses say what the field does.

    The steps shrink from a third of the range of a parameter to a thirtieth. The last field is kept, or none where it
    gained nothing. The draws of the start are made by the names of the samples.

    Args:
        grid: points of the grid along a side.
        steps: gradient steps.

    Raises:
        BadInputError: fewer than two points or one step.
    """

    def __init__(self, *, grid: int, steps: int) -> None:
        if grid < 2:
            raise BadInputError(f"a grid of {grid} points along a side", hint="grid=8")
        self.grid, self.steps = grid, check_count(steps, what="steps")

    @abstractmethod
    def channels(self, clean: Float[Tensor, "b c h w"]) -> int:
        """How many parameters each point of the grid has."""

    @abstractmethod
    def render(
        self, clean: Float[Tensor, "b c h w"], field: Float[Tensor, "b k g g"], threat: ThreatModel
    ) -> Float[Tensor, "b c h w"]:
        """Return the images that a field makes, differentiable in the field.

        Args:
            clean: images before.
            field: parameters in [-1, 1].
            threat: the budget, where the attack has none of its own.
        """

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the images of the last field, or the clean ones where it gained nothing."""
        threat, clean = objective.threat, objective.clean
        if not len(objective) or threat.eps == 0.0:
            return clean
        fields = {name: self._start(objective, name) for name in threat.modalities}
        memory: dict[Modality, Tensor] = {}
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            slopes, _ = objective.gradient(self._images(clean, fields, threat), valued=False)
            size = (2 / 3) * (1.0 - 0.9 * number / max(1, self.steps - 1))
            for name, field in fields.items():
                slope = self.slope(clean[name], field, slopes[name], threat)
                even = slope / (slope.abs().mean(dim=(1, 2, 3), keepdim=True) + _NO_DIVISION_BY_ZERO)
                memory[name] = even + _MOMENTUM * memory.get(name, 0.0)
                fields[name] = (field + size * memory[name].sign()).clamp(-1.0, 1.0)
        return best_of(objective, [clean, self._images(clean, fields, threat)])

    def slope(self, clean: Tensor, field: Tensor, slope: Tensor, threat: ThreatModel) -> Tensor:
        """Gradient with respect to the field, from the one with respect to the images that it makes."""
        moving = field.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            images = self.render(clean, moving, threat)
        return torch.autograd.grad(images, moving, slope)[0]

    def _images(self, clean: Images, fields: dict[Modality, Tensor], threat: ThreatModel) -> Images:
        with torch.no_grad():
            return {**clean, **{name: self.render(clean[name], field, threat) for name, field in fields.items()}}

    def _start(self, objective: CountedObjective, name: Modality) -> Tensor:
        image = objective.clean[name]
        shape = (self.channels(image), self.grid, self.grid)
        draws = [torch.rand(shape, generator=one) * 2 - 1 for one in objective.generators("field", name)]
        return _START * torch.stack(draws).to(image)


def enlarged(field: Float[Tensor, "b k g g"], height: int, width: int) -> Float[Tensor, "b k h w"]:
    """Enlarge a grid bicubically; where the curve overshoots it is cut at -1 and 1."""
    grown = functional.interpolate(field, (height, width), mode="bicubic", align_corners=True)
    return grown.clamp(-1.0, 1.0)


def check_amount(value: Any, *, what: str, most: float) -> float:
    """Return the size of a budget.

    Raises:
        BadInputError: no number above 0, or more than makes sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= most:
        raise BadInputError(f"{what} must be above 0 and at most {most:g}, got {value!r}", hint=f"{what}={most / 4:g}")
    return float(value)
