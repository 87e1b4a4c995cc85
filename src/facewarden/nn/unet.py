"""A small U-Net on half-size feature maps: the fast body of a purifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.nn.rednet import even_sides


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Looks at the image at several sizes and adds a correction to it.

    Each 2x2 block of pixels becomes one place with twelve channels, so that the most expensive layers run on a quarter
    of the places. The last layer starts at zero: an untrained network changes nothing. No normalization layers, so that
    an image is treated alike in any company.

    Args:
        widths: channels at each size, from half size downwards, each size half of the one before.
        contrast: above 0, the network also sees the difference of the image from its local 5x5 mean, times this: what
            is faint is then as large as the face itself, which shortens training several times.
        gain: factor of the correction, so that a network whose values are near one can make faint ones.

    Raises:
        BadInputError: no widths, or a negative contrast or gain.

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015; the rearrangement is that of Shi et al., CVPR 2016.
    """

    def __init__(self, *, widths: Sequence[int] = (24, 64, 128), contrast: float = 0.0, gain: float = 1.0) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise BadInputError(f"a U-Net needs at least one width, got {tuple(widths)}", hint="widths=(24, 64, 128)")
        if contrast < 0 or gain <= 0:
            raise BadInputError(f"contrast {contrast}, gain {gain}", hint="contrast=12.0, gain=0.1")
        self.contrast, self.gain = contrast, gain
        self.multiple = 2 ** len(widths)
        downwards = list(zip([24 if contrast > 0 else 12, *widths], widths, strict=False))
        self.down = nn.ModuleList(_block(inside, outside) for inside, outside in downwards)
        upwards = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(deep, shallow, 1) for deep, shallow in upwards)
        self.up = nn.ModuleList(_block(2 * shallow, shallow) for _, shallow in upwards)
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Restore images in [0, 1]; the output may leave that range, so that gradients stay alive there."""
        height, width = images.shape[-2:]
        padded = even_sides(images, multiple=self.multiple)
        skips = self._down(padded)
        x = skips.pop()
        for shrink, block in zip(self.shrink, self.up, strict=True):
            x = nn.functional.interpolate(shrink(x), scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return (padded + self.gain * nn.functional.pixel_shuffle(self.last(x), 2))[..., :height, :width]

    def encoded(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """Mean and spread over the places of every channel on the way down: `(b, 2 * sum(widths))`."""
        sizes = self._down(even_sides(images, multiple=self.multiple))
        both = [(x.mean(dim=(2, 3)), x.std(dim=(2, 3), correction=0)) for x in sizes]
        return torch.cat([part for pair in both for part in pair], dim=1)

    def _down(self, padded: Tensor) -> list[Tensor]:
        """The features of every size, the largest first."""
        x, found = self._seen(padded), []
        for number, block in enumerate(self.down):
            x = block(x if number == 0 else nn.functional.avg_pool2d(x, 2))
            found.append(x)
        return found

    def _seen(self, images: Tensor) -> Tensor:
        places = nn.functional.pixel_unshuffle(images, 2)
        if self.contrast == 0:
            return places
        mode = "reflect" if min(images.shape[-2:]) > 2 else "replicate"
        around = nn.functional.avg_pool2d(nn.functional.pad(images, (2, 2, 2, 2), mode=mode), 5, stride=1)
        faint = nn.functional.pixel_unshuffle(self.contrast * (images - around), 2)
        return torch.cat([2 * places - 1, faint], dim=1)
