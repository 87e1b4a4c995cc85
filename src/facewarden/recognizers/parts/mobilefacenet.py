"""MobileFaceNet: the body that two published recognizers share, with normalization folded into the convolutions."""

from __future__ import annotations

import copy
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

Activation = Callable[[int], nn.Module]

# Channels in, between and out, stride and number of every stage (Chen et al. 2018, table 1, with the widths that both
# published networks use).
_STAGES = (
    (64, 128, 64, 2, 1),
    (64, 128, 64, 1, 4),
    (64, 256, 128, 2, 1),
    (128, 256, 128, 1, 6),
    (128, 512, 128, 2, 1),
    (128, 256, 128, 1, 2),
)


class Bottleneck(nn.Module):
    """Widen, filter each channel, narrow without activation; the input is added where shapes allow."""

    def __init__(self, inside: int, between: int, outside: int, *, stride: int, activation: Activation) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inside, between, 1),
            activation(between),
            nn.Conv2d(between, between, 3, stride, 1, groups=between),
            activation(between),
            nn.Conv2d(between, outside, 1),
        )
        self.adds = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class MobileFaceNet(nn.Module):
    """Maps normalized 112x112 faces to raw embeddings.

    Args:
        dim: length of the embedding.
        stem: activation of the first convolution.
        activation: activation of the body for a number of channels.
        stem_pointwise: whether the separable convolution after the first has its pointwise half.
        stem_separable: activation of that separable convolution.

    Source: Chen, Liu, Gao, Han, "MobileFaceNets", CCBR 2018; its global depthwise convolution is the 7x7 layer.
    """

    def __init__(
        self, dim: int, *, stem: Activation, stem_separable: Activation, activation: Activation, stem_pointwise: bool
    ) -> None:
        super().__init__()
        pointwise = [nn.Conv2d(64, 64, 1), stem_separable(64)] if stem_pointwise else []
        blocks = [
            Bottleneck(inside, between, outside, stride=stride, activation=activation)
            for inside, between, outside, stride, count in _STAGES
            for _ in range(count)
        ]
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 3, 2, 1),
            stem(64),
            nn.Conv2d(64, 64, 3, 1, 1, groups=64),
            stem_separable(64),
            *pointwise,
            *blocks,
            nn.Conv2d(128, 512, 1),
            activation(512),
            nn.Conv2d(512, 512, 7, groups=512),
            nn.Conv2d(512, dim, 1),
            nn.Flatten(),
        )

    def forward(self, x: Float[Tensor, "b 3 112 112"]) -> Float[Tensor, "b d"]:
        """Embed normalized faces."""
        embedding: Tensor = self.layers(x)
        return embedding


def cut(network: MobileFaceNet) -> tuple[nn.Module, nn.Module]:
    """Split a network where its last stage has reduced the picture to 7x7.

    Returns:
        The layers below, shared with the network, and a trainable copy of those above.
    """
    layers = network.layers
    reducing = [place for place, layer in enumerate(layers) if isinstance(layer, Bottleneck) and not layer.adds]
    below, above = layers[: reducing[-1] + 1], copy.deepcopy(layers[reducing[-1] + 1 :])
    return below, above.requires_grad_(True)
