"""Spectrum: fine structure that resizing would remove, such as halftone, moiré, blur and compression."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.nn.floors.describer import Describer, gray

BANDS = 8
_SMALLEST = 1e-4


class Spectrum(Describer):
    """Fourteen numbers of the fine structure of color and of infrared, at the resolution of the view.

    Of the windowed picture's power: logarithms of the shares of eight rings of frequency, how far the highest value of
    the two outer thirds stands over their medians, energy across over energy down. Of the residual from the mean of the
    four neighbors: logarithm of its deviation, and its kurtosis. Of color also the fine structure of the chroma over
    that of the brightness, which is 0 in infrared.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needs = (("rgb",), ("infrared",))
        self.widths = (BANDS + 6, BANDS + 6)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Color and infrared."""
        return [fine_structure(pixels[0]), fine_structure(pixels[2])]


def fine_structure(image: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b f"]:
    """The numbers of one sensor.

    Args:
        image: in [0, 1]; gray has three equal channels.
    """
    bright = gray(image)[:, 0]
    side = bright.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=bright.dtype, device=bright.device)
    centered = (bright - bright.mean(dim=(1, 2), keepdim=True)) * window[None, :, None] * window[None, None]
    power = torch.fft.rfft2(centered).abs().square() / side**2 + 1e-9
    down = torch.fft.fftfreq(side, dtype=bright.dtype, device=bright.device)[:, None].abs()
    across = torch.fft.rfftfreq(side, dtype=bright.dtype, device=bright.device)[None]
    radius = (down.square() + across.square()).sqrt()
    edges = torch.linspace(0.02, 0.5, BANDS + 1)
    whole = (power * (radius > 0.02)).sum(dim=(1, 2))
    shares = [
        ((power * ((radius > low) & (radius <= high))).sum(dim=(1, 2)) / whole + _SMALLEST).log()
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    peaks = [_peak(power, (radius > low) & (radius <= high)) for low, high in ((0.17, 0.33), (0.33, 0.5))]
    lying = (across > 2 * down) & (radius > 0.1)
    standing = (down > 2 * across) & (radius > 0.1)
    turned = ((power * lying).sum(dim=(1, 2)) + 1e-9).log() - ((power * standing).sum(dim=(1, 2)) + 1e-9).log()
    fine = _residual(bright)
    spread = (fine.square().mean(dim=(1, 2)) + 1e-9).sqrt()
    tails = (fine / spread[:, None, None]).pow(4).mean(dim=(1, 2)).clamp(max=100).log()
    chroma = _residual(image[:, 0] - image[:, 2])
    colored = (chroma.square().mean(dim=(1, 2)) + 1e-12).sqrt() / spread
    return torch.stack([*shares, *peaks, turned, (spread + _SMALLEST).log(), tails, colored], dim=1)


def _peak(power: Float[Tensor, "b h w"], where: Tensor) -> Float[Tensor, " b"]:
    chosen = power[:, where.expand(power.shape[1:])]
    return (chosen.amax(dim=1) / chosen.median(dim=1).values).log()


def _residual(image: Float[Tensor, "b s s"]) -> Float[Tensor, "b t t"]:
    """What the four neighbors do not tell of a pixel."""
    around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
    return image[:, 1:-1, 1:-1] - around / 4
