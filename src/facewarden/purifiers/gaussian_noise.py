"""Gaussian noise: adds noise that is stronger than a cloak; its seed is the image's content, so runs repeat."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.core.seeding import derive


class GaussianNoise(Purifier):
    """Adds independent normal noise to every value and cuts at black and white.

    The same image (to 8 bits) gets the same noise in any batch, order or process. Whoever knows the seed knows the
    noise, so it is no secret against an adaptive attacker.

    Args:
        sigma: standard deviation in units of the [0, 1] pixel range.
        seed: of the noise.

    Raises:
        BadInputError: a sigma that is not positive.
    """

    differentiable = True

    def __init__(self, *, sigma: float = 8 / 255, seed: int = 0) -> None:
        if not 0.0 < sigma < float("inf"):
            raise BadInputError(f"sigma must be a positive number, got {sigma}", hint="sigma=8/255")
        self.sigma, self.seed = sigma, seed
        self.card = Card(
            name="gaussian_noise",
            summary="Adds normal noise drawn from each image's content.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Adds to the cloak instead of removing it; recognizers not trained on noise lose accuracy.",
            settings={"sigma": sigma, "seed": seed},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the noisy images; the gradient is that of the addition."""
        if len(images) == 0:
            return images
        noise = torch.stack([self._noise(image) for image in images.detach().cpu()])
        return (images + noise.to(images)).clamp(0.0, 1.0)

    def _noise(self, image: Tensor) -> Tensor:
        content = (image * 255).round().to(torch.uint8).contiguous().numpy().tobytes().hex()
        generator = torch.Generator().manual_seed(derive(self.seed, "gaussian_noise", *image.shape, content))
        return self.sigma * torch.randn(image.shape, generator=generator)


entry = GaussianNoise
