"""What cloaks share that change a face by a smooth field: few parameters on a coarse grid, climbed by gradient."""

# No `from __future__ import annotations`: subclasses in other modules get these fields, and whoever reads their types
# there must find types, not names that only this module imports.

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.steps import best_of
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields
from facewarden.core.threat import ThreatModel

Fields = dict[Modality, Tensor]
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
        noise: gray levels of fine noise that is optimized together with the field and added to what it makes; of a
            budget in gray levels it is a part, to another budget it is added.
        precision: "bfloat16" reads gradients in less time on processors with its instructions; what was reached is
            measured in float32.

    Raises:
        BadInputError: fewer than two points or one step, or noise that is the whole budget.
    """

    grid: Annotated[int, Ge(2)] = 8
    steps: Count = 24
    noise: Annotated[float, Ge(0), Le(64)] = 0.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_precision(self.precision))
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
        coarse = self._beside_noise(threat)
        fields = {name: self._start(objective, name) for name in threat.modalities}
        fine = {name: torch.zeros_like(clean[name]) for name in threat.modalities if self.noise > 0}
        memory: dict[tuple[Modality, str], Tensor] = {}

        def stepped(values: Tensor, slope: Tensor, key: tuple[Modality, str], size: float) -> Tensor:
            even = slope / (slope.abs().mean(dim=(1, 2, 3), keepdim=True) + _NO_DIVISION_BY_ZERO)
            memory[key] = even + _MOMENTUM * memory.get(key, 0.0)
            return (values + size * memory[key].sign()).clamp(-1.0, 1.0)

        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            images = self._images(clean, fields, fine, coarse)
            slopes, _ = objective.gradient(images, valued=False, precision=self.precision)
            size = (2 / 3) * (1.0 - 0.9 * number / max(1, self.steps - 1))
            for name, field in fields.items():
                slope = self.slope(clean[name], field, slopes[name], coarse)
                fields[name] = stepped(field, slope, (name, "field"), size)
                if name in fine:
                    fine[name] = stepped(fine[name], slopes[name], (name, "noise"), size)
        return best_of(objective, [clean, self._images(clean, fields, fine, coarse)])

    def _beside_noise(self, threat: ThreatModel) -> ThreatModel:
        """The budget that the noise leaves to the field."""
        if self.noise == 0.0 or self.own_budget is not None:
            return threat
        left = threat.eps - self.noise / 255
        if threat.norm != "linf" or left <= 0:
            raise BadInputError(
                f"noise of {self.noise:g} gray levels in a budget of {threat.norm} {255 * threat.eps:g}/255",
                hint="an Linf budget above the noise: --eps 8 --set noise=4",
            )
        return replace(threat, eps=left)

    def with_noise(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """What each pixel may become with the noise on top of what the field may make of it."""
        return low - self.noise / 255, high + self.noise / 255

    def slope(self, clean: Tensor, field: Tensor, slope: Tensor, threat: ThreatModel) -> Tensor:
        """Gradient with respect to the field, from the one with respect to the images that it makes."""
        moving = field.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            images = self.render(clean, moving, threat)
        return torch.autograd.grad(images, moving, slope)[0]

    def _images(self, clean: Images, fields: Fields, fine: Fields, threat: ThreatModel) -> Images:
        with torch.no_grad():
            images = {**clean, **{name: self.render(clean[name], field, threat) for name, field in fields.items()}}
            for name, noise in fine.items():
                images[name] = (images[name] + self.noise / 255 * noise).clamp(0.0, 1.0)
            return images

    def _start(self, objective: CountedObjective, name: Modality) -> Tensor:
        image = objective.clean[name]
        shape = (self.channels(image), self.grid, self.grid)
        draws = [torch.rand(shape, generator=one) * 2 - 1 for one in objective.generators("field", name)]
        return _START * torch.stack(draws).to(image)


def enlarged(field: Float[Tensor, "b k g g"], height: int, width: int) -> Float[Tensor, "b k h w"]:
    """Enlarge a grid bicubically; where the curve overshoots it is cut at -1 and 1."""
    grown = functional.interpolate(field, (height, width), mode="bicubic", align_corners=True)
    return grown.clamp(-1.0, 1.0)
