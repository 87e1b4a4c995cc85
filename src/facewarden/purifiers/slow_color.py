"""Slow color: slow changes of color over an aligned face are replaced by those of the average face."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.artifact import load_artifact
from facewarden.core.card import Card
from facewarden.core.compute.precision import at_least_single, forced_autocast
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.roles import Purifier
from facewarden.nn.separable import filter_separably

DARK = 0.06
"""Added to values in [0, 1] before the logarithm, so that dark pixels do not decide."""
SIDE = 112
"""Pixels along a side of the aligned crop that `sigma` is meant for."""
_TRUNCATE = 3.0  # the kernel reaches this many standard deviations to each side
_SHIPPED = Path(__file__).parent.parent / "weights" / "slow_color"


class SlowColor(Purifier):
    """Takes tints like make-up out of aligned faces, and with them shading and skin color.

    In logarithms of the values, what a Gaussian of `sigma` pixels keeps is taken from the average face, all else stays
    as it is: L' = L - G(L) + G(A). A gain that varies slowly over the face is a sum in logarithms, so most of it goes.
    The face itself changes visibly: apply it to faces that are suspected, as `puface_gated` does, not to all.

    Args:
        sigma: standard deviation in pixels of a crop of 112 pixels; of other sizes in proportion.
        weights: an artifact folder with the average face; by default that of the package.

    Raises:
        BadInputError: a sigma that is not positive, or no artifact of an average face.
        MissingAssetError: the package came without it.

    Source: written here; the split of a face into slow illumination and the rest is that of homomorphic filtering.
    """

    differentiable = True

    def __init__(self, *, sigma: float = 8.0, weights: Path | str | None = None) -> None:
        if not 0.0 < sigma <= SIDE:
            raise BadInputError(f"sigma must be in (0, {SIDE}] pixels, got {sigma}", hint="sigma=8.0")
        if weights is None and not _SHIPPED.is_dir():
            raise MissingAssetError(
                "slow_color came without its average face", hint="python benchmarks/slow_color_fit.py lfw:DIR"
            )
        artifact = load_artifact(_SHIPPED if weights is None else Path(weights))
        average = artifact.weights.get("average")
        if artifact.card.name != "slow_color" or average is None or average.ndim != 3 or len(average) != 3:
            raise BadInputError(
                f"{artifact.folder} holds {artifact.card.name}, no average face",
                hint="python benchmarks/slow_color_fit.py lfw:DIR",
            )
        self.sigma, self._average = sigma, average.float()
        self.card: Card = replace(artifact.card, settings={**artifact.card.settings, "sigma": sigma})

    def purify(self, images: Tensor) -> Tensor:
        """Return the faces with the slow colors of the average face."""
        if len(images) == 0:
            return images
        height, width = images.shape[-2:]
        sigma = self.sigma * (height + width) / (2 * SIDE)
        with forced_autocast("float32", images.device):  # logarithms in half precision are off by gray levels
            values = at_least_single(images)
            average = functional.interpolate(
                self._average[None].to(values), (height, width), mode="bilinear", align_corners=False
            )
            logs = torch.log(values + DARK)
            changed = logs - _blurred(logs, sigma) + _blurred(average, sigma)
            return (torch.exp(changed) - DARK).clamp(0.0, 1.0).to(images.dtype)


def average_face(images: Float[Tensor, "n 3 112 112"]) -> Float[Tensor, "3 28 28"]:
    """Logarithm of the mean of aligned faces, at a quarter of their size: what `weights` of `SlowColor` hold.

    Args:
        images: in [0, 1].
    """
    logs = torch.log(images.double().mean(dim=0) + DARK)
    return functional.avg_pool2d(logs[None], 4)[0].float()


def _blurred(values: Tensor, sigma: float) -> Tensor:
    """Gaussian filter; the border pixel is repeated outside."""
    radius = max(1, math.ceil(_TRUNCATE * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return filter_separably(functional.pad(values, (radius,) * 4, mode="replicate"), kernel / kernel.sum())


entry = SlowColor
