"""Random resizing and padding before the model, drawn for each sample by its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Lt
from torch import Tensor
from torch.nn import functional

from facewarden.core.objective import Images, Transform
from facewarden.core.settings import Share, check_fields

Smallest = Annotated[float, Gt(0), Lt(1)]
"""The smallest side of a shrunken image, as a share of the image's."""


@dataclass(frozen=True)
class Diversity:
    """Shrink an image to a random size and put it back at a random place on black.

    All modalities of a sample move alike, so that registered sensors stay registered.

    Attributes:
        smallest: the smallest side, as a share of the image's.
        probability: how often an image is moved at all.

    Raises:
        BadInputError: shares outside (0, 1) or [0, 1].
    """

    smallest: Smallest = 0.9
    probability: Share = 0.5

    def __post_init__(self) -> None:
        check_fields(self)

    def draw(self, images: Images, generators: Sequence[torch.Generator]) -> Transform:
        """Draw one geometry a sample and return the transform that applies it."""
        height, width = next(iter(images.values())).shape[-2:]
        places = [self._place(height, width, generator) for generator in generators]

        def move(pixels: Tensor) -> Tensor:
            moved = [pixels[i : i + 1] if p is None else _put(pixels[i : i + 1], *p) for i, p in enumerate(places)]
            return torch.cat(moved) if moved else pixels

        return lambda images: {name: move(image) for name, image in images.items()}

    def _place(self, height: int, width: int, generator: torch.Generator) -> tuple[int, int, int, int] | None:
        """Height, width, top and left of the shrunken image, or None where it stays."""
        new_width = _integer(min(int(width * self.smallest), width - 1), width, generator)
        new_height = min(max(round(height * new_width / width), 1), height - 1)
        top = _integer(0, height - new_height, generator)
        left = _integer(0, width - new_width, generator)
        moves = bool(torch.rand(1, generator=generator) < self.probability)
        return (new_height, new_width, top, left) if moves else None


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low=low, high=high, size=(1,), dtype=torch.int32, generator=generator))


def _put(image: Tensor, height: int, width: int, top: int, left: int) -> Tensor:
    small = functional.interpolate(image, size=[height, width], mode="bilinear", align_corners=False)
    bottom, right = image.shape[-2] - height - top, image.shape[-1] - width - left
    return functional.pad(small, [left, right, top, bottom], value=0.0)
