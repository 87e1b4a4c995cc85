"""Structural similarity of two images, differentiable: what Fawkes budgets and what reports print."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.nn.separable import filter_separably

_STABLE_LUMINANCE, _STABLE_CONTRAST = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for pixels in [0, 1]


def ssim(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], *, window: int = 11, sigma: float = 1.5
) -> Float[Tensor, " b"]:
    """Compare two images in a sliding Gaussian window; 1 is equal.

    The mean over channels and over the windows that lie inside the image, as the paper's own code takes it.

    Args:
        first, second: pixels in [0, 1].
        window: side of the window in pixels, odd.
        sigma: of its Gaussian weights, in pixels.

    Raises:
        BadInputError: images smaller than the window, or an even window.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4) 2004, equation 13 with K1 = 0.01, K2 = 0.03.

    Example:
        >>> face = torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16)
        >>> ssim(face, face)
        tensor([1.])
    """
    batch, channels, height, width = first.shape
    if window < 1 or window % 2 == 0:
        raise BadInputError(f"the window's side must be odd and positive, got {window}", hint="window=11")
    if min(height, width) < window:
        raise BadInputError(
            f"images of {width} x {height} are smaller than the window of {window}", hint="a smaller window"
        )
    offsets = torch.arange(window, dtype=first.dtype, device=first.device) - window // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    # one pass over all five maps: the filter is the slow part on a CPU
    maps = filter_separably(torch.cat([first, second, first * first, second * second, first * second]), weights)
    means = maps.reshape(5, batch, channels, maps.shape[-2], maps.shape[-1])
    mean_1, mean_2, square_1, square_2, product = means.unbind()
    luminance = (2 * mean_1 * mean_2 + _STABLE_LUMINANCE) / (mean_1**2 + mean_2**2 + _STABLE_LUMINANCE)
    covariance, spread = product - mean_1 * mean_2, square_1 - mean_1**2 + square_2 - mean_2**2
    structure = (2 * covariance + _STABLE_CONTRAST) / (spread + _STABLE_CONTRAST)
    return (luminance * structure).mean(dim=(1, 2, 3))


def dssim(first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Structural dissimilarity (1 - SSIM) / 2, 0 for equal images: the unit of Fawkes' budgets.

    Images with a side below 11 pixels are compared in the largest odd window that fits.
    """
    side = min(*first.shape[-2:], 11)
    return (1.0 - ssim(first, second, window=side - 1 + side % 2)) / 2.0
