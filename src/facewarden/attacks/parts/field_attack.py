"""What cloaks share that change a face by a smooth field: few parameters on a coarse grid, climbed by gradient."""

# No `from __future__ import annotations`: subclasses in other modules get these fields, and whoever reads their types
# there must find types, not names that only this module imports.

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.steps import best_of
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields
from facewarden.core.threat import ThreatModel

_MOMENTUM = 0.5
_START = 0.2  # at the clean face itself a push away has no gradient
_NO_DIVISION_BY_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
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

    grid: Annotated[int, Ge(2)] = 8
    steps: Count = 24

    def __post_init__(self) -> None:
        check_fields(self)

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
