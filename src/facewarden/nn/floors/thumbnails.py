"""Thumbnails: the mean gray value of every cell of a coarse grid, for each sensor."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.labels import MODALITIES
from facewarden.nn.floors.describer import Describer, gray


class Thumbnails(Describer):
    """Gray pictures of a few pixels a side: what is left of a capture when everything fine is gone.

    Args:
        pixels: side of the thumbnails.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels
        self.needs = tuple((name,) for name in MODALITIES)
        self.widths = (pixels**2,) * len(MODALITIES)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """The thumbnails of the three sensors, row by row."""
        return [functional.adaptive_avg_pool2d(gray(one), self.pixels).flatten(1) for one in pixels]
