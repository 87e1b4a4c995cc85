"""Central difference convolutional network with three branches, which paints a map of what is bona fide."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES, Modality
from facewarden.nn.multimodal.cdc import CentralDifferenceConv2d
from facewarden.nn.multimodal.shared_trunk import owned_by_name


class CdcnBranch(nn.Module):
    """One sensor's low, middle and high features, brought to one eighth of the input's side and merged.

    Three levels of three convolutions each (1, 1.53 and 1 times the width) end in max pooling by two; their outputs are
    resampled to the size of the last and convolved together.

    Args:
        width: channels of a level, 128 as published.
        theta: share of the central difference.
    """

    def __init__(self, *, width: int, theta: float) -> None:
        super().__init__()
        wide = round(width * 196 / 128)
        self.stem = _layer(3, width // 2, theta=theta)
        self.levels = nn.ModuleList(
            nn.Sequential(
                _layer(width // 2 if number == 0 else width, width, theta=theta),
                _layer(width, wide, theta=theta),
                _layer(wide, width, theta=theta),
                nn.MaxPool2d(3, stride=2, padding=1),
            )
            for number in range(3)
        )
        self.merge = _layer(3 * width, width, theta=theta)

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c t t"]:
        """Features at one eighth of the side."""
        maps, seen = self.stem(images), []
        for level in self.levels:
            maps = level(maps)
            seen.append(maps)
        size = maps.shape[-2:]
        merged: Tensor = self.merge(
            torch.cat([F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in seen], dim=1)
        )
        return merged


class MultimodalCdcn(nn.Module):
    """Three branches whose features are concatenated, convolved and turned into one map.

    Source: Yu et al., "Multi-Modal Face Anti-Spoofing Based on Central Difference Networks", CVPRW 2020, figure 3. The
    published map goes through a last ReLU, under which it can die; here it does not.

    Args:
        width: channels of a level, 128 as published.
        theta: share of the central difference, 0.7 as published.
    """

    def __init__(self, *, width: int = 128, theta: float = 0.7) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({m: CdcnBranch(width=width, theta=theta) for m in MODALITIES})
        self.fuse = _layer(3 * width, width, theta=theta)
        self.paint = CentralDifferenceConv2d(width, 1, theta=theta)

    def forward(
        self, images: Float[Tensor, "m b 3 s s"], *, weight: Float[Tensor, "m b"] | None = None
    ) -> tuple[Float[Tensor, "b 1 t t"], Float[Tensor, "b d"]]:
        """Map, near 1 where a face is bona fide, and the fused features' mean; `weight` 0 silences a branch."""
        features = []
        for i, m in enumerate(MODALITIES):
            maps = self.branches[m](images[i])
            features.append(maps if weight is None else maps * weight[i, :, None, None, None].to(maps.dtype))
        fused = self.fuse(torch.cat(features, dim=1))
        return self.paint(fused), fused.mean(dim=(2, 3))

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them."""
        return owned_by_name(self)


def _layer(inputs: int, outputs: int, *, theta: float) -> nn.Sequential:
    conv = CentralDifferenceConv2d(inputs, outputs, theta=theta)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # torch's default would fade over ten layers
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())
