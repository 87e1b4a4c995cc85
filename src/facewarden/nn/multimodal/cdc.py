"""Central difference convolution: a convolution that also sees how each pixel differs from its center."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError


def fold_central_difference(weight: Float[Tensor, "*a o i k k"], *, theta: float) -> Float[Tensor, "*a o i k k"]:
    """One plain kernel equal to convolving and subtracting theta times the summed kernel at the center.

    `conv(x, W) - theta * conv1x1(x, sum W)` is linear in x, so it is the convolution with W whose center is lowered by
    `theta * sum W`: one pass instead of two, and what a single 1x1 map sees is that center alone.

    Source: Yu et al., "Searching Central Difference Convolutional Networks", CVPR 2020, equation 4.

    Args:
        weight: kernels of odd side, any leading axes.
        theta: 0 is a plain convolution, 1 sees differences only.
    """
    side = weight.shape[-1]
    if side % 2 == 0:
        raise BadInputError(f"a kernel of side {side} has no center", hint="use an odd side")
    lowered = torch.zeros(side, side, dtype=weight.dtype, device=weight.device)
    lowered[side // 2, side // 2] = theta
    return weight - weight.sum(dim=(-2, -1), keepdim=True) * lowered


class CentralDifferenceConv2d(nn.Conv2d):
    """A 2-D convolution without bias that mixes intensity and central differences.

    Args:
        inputs, outputs: channels.
        kernel: odd side; the map keeps its size.
        theta: share of the central difference.
        stride: step in pixels.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, theta: float = 0.5, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, stride=stride, bias=False)
        self.theta = theta

    @property
    def folded(self) -> Tensor:
        """The plain kernel that gives the same output."""
        return fold_central_difference(self.weight, theta=self.theta)

    def forward(self, maps: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o y x"]:
        """Convolve feature maps by central differences."""
        output: Tensor = self._conv_forward(maps, self.folded, None)
        return output
