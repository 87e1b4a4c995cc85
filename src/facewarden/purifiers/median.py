"""Median filter: replaces each value by the median around it, which removes specks and keeps edges."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier


class Median(Purifier):
    """Median of a square window, channel by channel; the border pixel is repeated outside the image.

    Args:
        size: side of the window in pixels, odd.

    Raises:
        BadInputError: a size that is even or below one.
    """

    differentiable = True

    def __init__(self, *, size: int = 3) -> None:
        if size < 1 or size % 2 == 0:
            raise BadInputError(f"the window's side must be odd and positive, got {size}", hint="size=3")
        self.size = size
        self.card = Card(
            name="median",
            summary="Replaces each value by the median of its neighborhood.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Flattens texture; cloaks wider than half the window pass.",
            settings={"size": size},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the filtered images; the gradient goes to the pixel that was the median."""
        reach = self.size // 2
        height, width = images.shape[-2:]
        padded = torch.nn.functional.pad(images, (reach, reach, reach, reach), mode="replicate")
        window = [
            padded[..., top : top + height, left : left + width]
            for top in range(self.size)
            for left in range(self.size)
        ]
        return torch.stack(window).median(dim=0).values


entry = Median
