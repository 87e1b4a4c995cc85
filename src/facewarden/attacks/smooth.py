"""Smooth: a cloak of low frequencies alone, few numbers on a coarse grid, which noise purifiers do not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from facewarden.attacks.parts.field_attack import FieldAttack, enlarged
from facewarden.core.threat import ThreatModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Smooth(FieldAttack):
    """Adds a field that varies slowly: a coarse grid per color channel, enlarged bicubically.

    Its budget is that of the threat model, in gray levels for a cloak: no value changes by more. Its shape is not: at
    14 points along a side of 112 pixels nothing varies within 8 pixels, so that nothing looks like noise.

    Args:
        grid: points along a side; fewer are smoother and weaker.
        steps: gradient steps.
        noise: gray levels of the budget that go to fine noise, optimized together with the field.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: fewer than two points or one step, or noise that is the whole budget.

    Source: written here; perturbations restricted to low frequencies are those of Guo, Frank, Weinberger, "Low
    Frequency Adversarial Perturbation", UAI 2019, with a bicubic grid in place of the cosine transform.
    """

    grid: Annotated[int, Ge(2)] = 14

    def channels(self, clean: Tensor) -> int:
        """One field for each color."""
        return int(clean.shape[1])

    def render(self, clean: Tensor, field: Tensor, threat: ThreatModel) -> Tensor:
        """Add the field, scaled to the budget."""
        grown = enlarged(field, clean.shape[2], clean.shape[3])
        scaled = threat.eps * grown if threat.norm == "linf" else threat.scaled(grown)
        return (clean + scaled).clamp(0.0, 1.0)


entry = Smooth
