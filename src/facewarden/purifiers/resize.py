"""Resize: shrinks and enlarges again, which removes details finer than the small image's pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier


class Resize(Purifier):
    """Averages areas down to a smaller image, then interpolates bicubically back to the size it had.

    Args:
        factor: how many times smaller each side becomes; sides are rounded, and never below one pixel.

    Raises:
        BadInputError: a factor that does not shrink.
    """

    differentiable = True

    def __init__(self, *, factor: float = 2.0) -> None:
        if not 1.0 < factor < float("inf"):
            raise BadInputError(f"the factor must be above 1, got {factor}", hint="factor=2.0")
        self.factor = factor
        self.card = Card(
            name="resize",
            summary="Shrinks every image and enlarges it again.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Loses fine detail of the face as well; cloaks wider than the factor pass.",
            settings={"factor": factor},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the images as the small ones show them."""
        height, width = images.shape[-2:]
        if images.shape[0] == 0:
            return images
        size = (max(1, round(height / self.factor)), max(1, round(width / self.factor)))
        small = torch.nn.functional.interpolate(images, size=size, mode="area")
        large = torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic", align_corners=False)
        return large.clamp(0.0, 1.0)  # a cubic overshoots at edges


entry = Resize
