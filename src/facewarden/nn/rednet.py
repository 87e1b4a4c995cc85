"""RED-Net: a chain of convolutions and its mirror, joined by additive skips; the body of PuFace."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError

# After how many convolutions the skips leave; they join the mirror layers in reverse order, the last one first.
_SKIPS: dict[int, tuple[int, ...]] = {10: (), 20: (2, 4, 6, 8), 30: (2, 4, 6, 8, 10, 12, 14)}


class REDNet(nn.Module):
    """Encoder and decoder of equal length; the output is the rectified sum of the input and the decoder's output.

    The first convolution halves the image and the last transposed one doubles it again; everything between works at
    half size. Images of odd size are extended by a mirrored row or column and cut back.

    Args:
        layers: 10, 20 or 30, half of them convolutions; 298,947, 668,227 and 1,037,507 parameters.
        width: channels of the inner layers.
        stride: 2 as described; 1 keeps the full size, at four times the cost.

    Raises:
        BadInputError: another number of layers, or another stride.

    Source: Mao, Shen, Yang, "Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric
    Skip Connections", NIPS 2016, section 3.
    """

    def __init__(self, *, layers: int = 30, width: int = 64, stride: int = 2) -> None:
        super().__init__()
        if layers not in _SKIPS or stride not in (1, 2):
            raise BadInputError(f"no RED-Net of {layers} layers with stride {stride}", hint="layers=30, stride=2")
        half = layers // 2
        self.stride, self.skips = stride, _SKIPS[layers]
        first = nn.Conv2d(3, width, 3, stride, 1)
        last = nn.ConvTranspose2d(width, 3, 3, stride, 1, output_padding=stride - 1)
        self.encoder = nn.ModuleList([first, *(nn.Conv2d(width, width, 3, 1, 1) for _ in range(half - 1))])
        self.decoder = nn.ModuleList([*(nn.ConvTranspose2d(width, width, 3, 1, 1) for _ in range(half - 1)), last])

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Restore images in [0, 1]; the output is at least 0 but may exceed 1, so that gradients stay alive there."""
        height, width = images.shape[-2:]
        padded = even_sides(images) if self.stride == 2 else images
        x, skips = padded, []
        for number, layer in enumerate(self.encoder, start=1):
            x = torch.relu(layer(x))
            if number in self.skips:
                skips.append(x)
        for number, layer in enumerate(self.decoder[:-1], start=1):
            x = torch.relu(layer(x))
            if skips and number % 2 == 1:
                x = torch.relu(x + skips.pop())
        return torch.relu(self.decoder[-1](x) + padded)[..., :height, :width]


def even_sides(images: Float[Tensor, "b c h w"], *, multiple: int = 2) -> Float[Tensor, "b c n m"]:
    """Extend images at the right and below, until both sides are a multiple of a number, by mirroring.

    Sides too short to be mirrored are extended by their last pixel.
    """
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if below == right == 0:
        return images
    mode = "reflect" if below < height and right < width else "replicate"
    return nn.functional.pad(images, (0, right, 0, below), mode=mode)
