"""`Describer`: pixels of three sensors in, one vector a capture out, NaN where a sensor that it needs is absent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES

_GRAY = (0.299, 0.587, 0.114)


class Describer(nn.Module):
    """A fixed description of a capture in blocks, each of some sensors.

    Attributes:
        needs: of each block, the sensors that it is made of.
        widths: of each block, how many numbers it has.
    """

    needs: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        """Numbers of a description."""
        return sum(self.widths)

    @abstractmethod
    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """One `(b, width)` for each block, from color, depth and infrared in [0, 1]; gray has three equal channels."""

    def forward(
        self, pixels: Float[Tensor, "m b 3 s s"], weight: Float[Tensor, "m b"] | None = None
    ) -> Float[Tensor, "b f"]:
        """The blocks side by side.

        Args:
            pixels: color, depth and infrared in [0, 1].
            weight: 0 where a sensor is absent; every number that needs it is NaN there.
        """
        parts = []
        for block, needs in zip(self.blocks(pixels), self.needs, strict=True):
            if weight is not None:
                there = torch.stack([weight[MODALITIES.index(name)] > 0 for name in needs]).all(dim=0)
                block = torch.where(there[:, None], block, block.new_tensor(float("nan")))
            parts.append(block)
        return torch.cat(parts, dim=1)


def gray(pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b 1 s s"]:
    """Brightness of color pixels by the weights of ITU-R BT.601; what is gray already stays as it is."""
    return (pixels * pixels.new_tensor(_GRAY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def ellipse(side: int, *, like: Tensor, scale: float = 1.0) -> Float[Tensor, "{side} {side}"]:
    """1 inside the ellipse that a face fills in a view of 1.25 times its box, 0 outside.

    Args:
        side: of the view in pixels.
        like: gives type and device.
        scale: factor on both axes, which are 0.33 and 0.40 of the side.
    """
    steps = (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) / side - 0.5
    inside = (steps[None] / (0.33 * scale)) ** 2 + (steps[:, None] / (0.40 * scale)) ** 2 <= 1
    return inside.to(like.dtype)
