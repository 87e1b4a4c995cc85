"""Non-local means: averages pixels with similar surroundings in a search window."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.parts.shifts import shifted


class NonLocalMeans(Purifier):
    """Weights every pixel of a search window by how alike the patches around the two pixels are.

    Alike is the mean squared difference over patch and channels, less what noise of the stated strength would make of
    equal patches; the weight falls off as exp(-difference / h^2). Edges are repeated outside the image.

    Args:
        sigma: standard deviation of the expected noise in units of the [0, 1] pixel range.
        strength: h in units of sigma.
        patch: side of the patches in pixels, odd.
        search: how far the window reaches to each side, in pixels.

    Raises:
        BadInputError: an even patch, a search below one, or a sigma or strength that is not positive.

    Source: Buades, Coll, Morel, "A Non-Local Algorithm for Image Denoising", CVPR 2005, section 3; uniform patches.
    """

    differentiable = True

    def __init__(self, *, sigma: float = 0.05, strength: float = 0.8, patch: int = 5, search: int = 6) -> None:
        for name, value in (("sigma", sigma), ("strength", strength)):
            if not 0.0 < value < float("inf"):
                raise BadInputError(f"{name} must be a positive number, got {value}", hint=f"{name}=0.05")
        if patch < 1 or patch % 2 == 0:
            raise BadInputError(f"the patch's side must be odd and positive, got {patch}", hint="patch=5")
        if search < 1:
            raise BadInputError(f"the search must reach at least 1 pixel, got {search}", hint="search=6")
        self.sigma, self.strength, self.patch, self.search = sigma, strength, patch, search
        self.card = Card(
            name="non_local_means",
            summary="Averages pixels whose surroundings look alike.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Slow on large photos; a cloak stronger than sigma is kept as detail.",
            settings={"sigma": sigma, "strength": strength, "patch": patch, "search": search},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the filtered images."""
        reach = range(-self.search, self.search + 1)
        offsets = [(down, right) for down in reach for right in reach]
        total = torch.zeros_like(images)
        weights = torch.zeros_like(images[:, :1])
        border = self.patch // 2
        for neighbor in shifted(images, offsets):
            apart = (neighbor - images).square().mean(dim=1, keepdim=True)
            apart = torch.nn.functional.pad(apart, (border, border, border, border), mode="replicate")
            apart = torch.nn.functional.avg_pool2d(apart, self.patch, stride=1)
            excess = (apart - 2 * self.sigma**2).clamp(min=0)
            weight = torch.exp(-excess / (self.strength * self.sigma) ** 2)
            total, weights = total + weight * neighbor, weights + weight
        return (total / weights).clamp(0.0, 1.0)


entry = NonLocalMeans
