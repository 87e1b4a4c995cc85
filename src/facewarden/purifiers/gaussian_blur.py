"""Gaussian blur: a differentiable low-pass filter that removes noise finer than its width."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier

_TRUNCATE = 4.0  # the kernel reaches this many standard deviations to each side


class GaussianBlur(Purifier):
    """Separable Gaussian filter; the border pixel is repeated outside the image.

    Args:
        sigma: standard deviation in pixels of the image it is given.

    Raises:
        BadInputError: a sigma that is not positive.
    """

    differentiable = True

    def __init__(self, *, sigma: float = 1.0) -> None:
        if not 0.0 < sigma < float("inf"):
            raise BadInputError(f"sigma must be a positive number of pixels, got {sigma}", hint="sigma=1.0")
        self.sigma = sigma
        self.card = Card(
            name="gaussian_blur",
            summary="Blurs every image with a Gaussian.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Blurs the face as much as the cloak; low-frequency cloaks pass.",
            settings={"sigma": sigma},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the blurred images."""
        radius = int(_TRUNCATE * self.sigma + 0.5)
        offsets = torch.arange(-radius, radius + 1, dtype=torch.float64, device=images.device)
        kernel = torch.exp(-0.5 * (offsets / self.sigma) ** 2)
        kernel = (kernel / kernel.sum()).to(images.dtype)
        batch, channels, height, width = images.shape
        planes = images.reshape(batch * channels, 1, height, width)
        padded = torch.nn.functional.pad(planes, (radius, radius, radius, radius), mode="replicate")
        rows = torch.nn.functional.conv2d(padded, kernel.view(1, 1, -1, 1))
        blurred = torch.nn.functional.conv2d(rows, kernel.view(1, 1, 1, -1))
        # a sum of weights that is one up to rounding can leave the range by that much
        return blurred.reshape(images.shape).clamp(0.0, 1.0)


entry = GaussianBlur
