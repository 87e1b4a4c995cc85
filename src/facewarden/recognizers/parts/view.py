"""The square window of the 112x112 crop that a network was trained on, resampled to its size."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

CROP = 112


class InputView(nn.Module):
    """Resamples one window of the crop bilinearly; where it leaves the crop, the crop's edge is repeated.

    A product with two constant matrices: deterministic forward and backward on every device.

    Args:
        left, top: the window's corner in pixels of the crop.
        side: the window's side in pixels of the crop.
        size: side of the output in pixels.
    """

    across: Tensor
    down: Tensor

    def __init__(self, left: float, top: float, *, side: float, size: int) -> None:
        super().__init__()
        # Not in the state dict: they are geometry, not weights.
        self.register_buffer("across", _sampling(left, side, size).T.contiguous(), persistent=False)
        self.register_buffer("down", _sampling(top, side, size), persistent=False)
        self.eval()  # it has no other mode; a recognizer is in evaluation mode with all its parts

    def forward(self, images: Float[Tensor, "b c 112 112"]) -> Float[Tensor, "b c n n"]:
        """Cut out and resample the window."""
        return self.down.to(images) @ images @ self.across.to(images)


def _sampling(start: float, side: float, size: int) -> Tensor:
    """Matrix `(size, 112)` whose rows hold the weights of the crop's pixels in one output pixel."""
    where = start + (torch.arange(size, dtype=torch.float64) + 0.5) * (side / size) - 0.5
    where = where.clamp(0, CROP - 1)
    pixels = torch.arange(CROP, dtype=torch.float64)
    return (1 - (where[:, None] - pixels).abs()).clamp(min=0).float()
