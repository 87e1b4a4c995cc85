"""Tint: a cloak like make-up, slow changes of color over the face, a gain and an offset for each place and color."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from torch import Tensor

from facewarden.attacks.parts.field_attack import FieldAttack, enlarged
from facewarden.core.threat import ThreatModel

_STRENGTHS = {"low": 0.1, "mid": 0.2, "high": 0.4}
_EVERY_VALUE = 255.0  # gray levels: how much a gain changes depends on what was there
_OFFSET = 0.25  # largest offset, in parts of the largest gain


@dataclass(frozen=True, kw_only=True, eq=False)
class Tint(FieldAttack):
    """Multiplies each color by a gain and adds an offset, both of which vary slowly over the face.

    The budget is a strength s of color: gains from 1 - s to 1 + s and offsets up to s / 4 of the pixel range. With the
    default grid of 5 points a region is about a cheek, the mouth or an eye: blush, lipstick and shadow, not noise.

    Args:
        color: the strength s.
        grid: points along a side.
        steps: gradient steps.
        noise: gray levels of fine noise that is optimized together with the field and added to the tinted face.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: a strength of nothing or above 1, fewer than two points, or fewer than one step.

    Source: written here; the functional color change is that of Laidlaw and Feizi, "Functional Adversarial Attacks",
    NeurIPS 2019, with a field over the face in place of one function of the color.
    """

    own_budget = "strength of color (option color)"

    color: Annotated[float, Gt(0), Le(1)] = 0.2
    grid: Annotated[int, Ge(2)] = 5

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """A strength of color of 0.1, 0.2 or 0.4."""
        super().cloak_strength(strength, thorough=thorough)  # refuses what is no strength
        return {"color": _STRENGTHS[strength]}, _EVERY_VALUE

    def channels(self, clean: Tensor) -> int:
        """A gain and an offset for each color."""
        return 2 * int(clean.shape[1])

    def render(self, clean: Tensor, field: Tensor, threat: ThreatModel) -> Tensor:
        """Change the colors, cut at black and white."""
        gain, offset = (self.color * enlarged(field, clean.shape[2], clean.shape[3])).chunk(2, dim=1)
        return (clean * (1.0 + gain) + _OFFSET * offset).clamp(0.0, 1.0)

    def bounds(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """What the lowest and the highest gain and offset make of each value."""
        reach = self.color * (clean + _OFFSET)
        return self.with_noise(clean - reach, clean + reach)


entry = Tint
