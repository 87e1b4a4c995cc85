"""Warp: a cloak that moves pixels instead of changing them, by a smooth field of displacements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.field_attack import FieldAttack, enlarged
from facewarden.core.threat import ThreatModel
from facewarden.nn.displacement import sample_at, sample_finely

_STRENGTHS = {"low": 1.5, "mid": 2.5, "high": 4.0}
_EVERY_VALUE = 255.0  # gray levels: no norm of the change bounds a displacement


@dataclass(frozen=True, kw_only=True, eq=False)
class Warp(FieldAttack):
    """Samples the face at places that are moved a little, bilinearly; the moves vary slowly over the face.

    The budget is a displacement, in pixels of the aligned crop (112 along a side), not a change of values: at an edge a
    moved pixel may take any value of its neighborhood. What the final images keep for certain is that each value lies
    between the lowest and the highest within that distance.

    Args:
        pixels: the longest displacement.
        finely: how many times the face is enlarged before it is sampled, and reduced again; from 2 on the sampling
            leaves fainter soft places by which it could be told, as where a whole photo is warped.
        grid: points along a side of the field.
        steps: gradient steps.
        noise: gray levels of fine noise that is optimized together with the field and added to the moved face.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: a displacement of nothing or above 16 pixels, fewer than two points, or fewer than one step.

    Source: written here after Xiao et al., "Spatially Transformed Adversarial Examples", ICLR 2018, with a coarse grid
    and a hard bound in place of the penalty on the flow.
    """

    own_budget = "pixels of displacement (option pixels)"

    pixels: Annotated[float, Gt(0), Le(16)] = 2.5
    finely: Annotated[int, Ge(1), Le(8)] = 1

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """1.5, 2.5 or 4 pixels."""
        super().cloak_strength(strength, thorough=thorough)  # refuses what is no strength
        return {"pixels": _STRENGTHS[strength]}, _EVERY_VALUE

    def channels(self, clean: Tensor) -> int:
        """Across and down."""
        return 2

    def displacement(self, field: Tensor, height: int, width: int) -> Tensor:
        """Pixels across and down `(b, 2, h, w)` by which a field moves each place; none is longer than the budget."""
        moves = enlarged(field, height, width)
        length = moves.square().sum(dim=1, keepdim=True).clamp(min=1e-12).sqrt()
        return self.pixels * moves / length.clamp(min=1.0)

    def render(self, clean: Tensor, field: Tensor, threat: ThreatModel) -> Tensor:
        """Sample the images at the moved places; beyond the border lies what is at the border."""
        moves = self.displacement(field, *clean.shape[2:])
        if self.finely > 1:
            low, high = self._within(clean)  # a bicubic curve may leave the range of its pixels
            return torch.clamp(sample_finely(clean, moves, times=self.finely), low, high)
        moved = sample_at(clean, moves)
        return moved.clamp(0.0, 1.0)  # a mean of four pixels, but for the last bit

    def bounds(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Lowest and highest value within the displacement of each pixel."""
        if not len(clean):
            return clean, clean
        return self.with_noise(*self._within(clean))

    def _within(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        reach = math.ceil(self.pixels)
        high = functional.max_pool2d(clean, 2 * reach + 1, stride=1, padding=reach)
        return -functional.max_pool2d(-clean, 2 * reach + 1, stride=1, padding=reach), high


entry = Warp
