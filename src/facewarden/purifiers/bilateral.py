"""Bilateral filter: averages neighbors of similar color, which smooths skin and keeps edges."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.parts.shifts import shifted


class Bilateral(Purifier):
    """Gaussian weights by distance and by color, over a disk; the border pixel is repeated outside the image.

    Two colors are as far apart as the sum of their absolute differences in red, green and blue.

    Args:
        radius: of the disk in pixels.
        sigma_color: standard deviation of the color weight, on the [0, 1] scale of one channel.
        sigma_space: standard deviation of the distance weight in pixels.

    Raises:
        BadInputError: a radius below one or a sigma that is not positive.

    Source: Tomasi, Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV 1998, section 2.
    """

    differentiable = True

    def __init__(self, *, radius: int = 4, sigma_color: float = 30 / 255, sigma_space: float = 3.0) -> None:
        if radius < 1:
            raise BadInputError(f"the radius must be at least 1, got {radius}", hint="radius=4")
        for name, value in (("sigma_color", sigma_color), ("sigma_space", sigma_space)):
            if not 0.0 < value < float("inf"):
                raise BadInputError(f"{name} must be a positive number, got {value}", hint=f"{name}=3.0")
        self.radius, self.sigma_color, self.sigma_space = radius, sigma_color, sigma_space
        self.card = Card(
            name="bilateral",
            summary="Averages neighbors of similar color.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Paints skin flat; strong cloaks look like edges to it and pass.",
            settings={"radius": radius, "sigma_color": sigma_color, "sigma_space": sigma_space},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the filtered images."""
        steps = range(-self.radius, self.radius + 1)
        offsets = [(d, r) for d in steps for r in steps if d * d + r * r <= self.radius**2]
        total = torch.zeros_like(images)
        weights = torch.zeros_like(images[:, :1])
        for (down, right), neighbor in zip(offsets, shifted(images, offsets), strict=True):
            apart = (neighbor - images).abs().sum(dim=1, keepdim=True)
            near = (down * down + right * right) / self.sigma_space**2
            weight = torch.exp(-0.5 * (near + (apart / self.sigma_color) ** 2))
            total, weights = total + weight * neighbor, weights + weight
        return (total / weights).clamp(0.0, 1.0)


entry = Bilateral
