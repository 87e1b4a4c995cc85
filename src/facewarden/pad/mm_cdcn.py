"""Multi-modal CDCN: three branches of central difference convolutions that predict one map of bona fide regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.cdcn import MultimodalCdcn
from facewarden.pad.parts.stream_settings import ViewSettings
from facewarden.pad.parts.streams import ThreeStreams

_SLOPE = 8.0  # a map of ones is a logit of 4, one of zeros of -4


@dataclass(frozen=True)
class CdcnSettings(ViewSettings):
    """Settings of the view, and of the network.

    Attributes:
        width: channels of a level, 128 as published; the cost grows with its square.
        theta: share of the central difference.
    """

    width: int = 128
    theta: float = 0.7


class MmCdcn(ThreeStreams):
    """A convolutional network, trained to a map by objective `cdcn`; the score is how far the map's mean is above half.

    The published score is the sum of the map over that of the face's mask, which is the mean where the crop is the
    face. The head "map" is the map `(b, 1, size / 8, size / 8)`.

    Source: Yu et al., "Multi-Modal Face Anti-Spoofing Based on Central Difference Networks", CVPRW 2020; the input is
    256 px there.
    """

    kind = CdcnSettings
    name = "mm_cdcn"
    summary = "Central difference convolutional network with three branches and a map as its output."
    source = "Yu et al., CVPRW 2020"
    heads = ("map",)
    options: CdcnSettings
    network: MultimodalCdcn

    def build(self, trunk: nn.Module | None) -> MultimodalCdcn:
        """Three branches and their fusion; there is no trunk."""
        return MultimodalCdcn(width=self.options.width, theta=self.options.theta)

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        painted, features = self.network(images, weight=weight)
        return PadOutput(score=_SLOPE * (painted.mean(dim=(1, 2, 3)) - 0.5), features=features, tasks={"map": painted})

    @classmethod
    def example(cls, folder: Path) -> MmCdcn:
        """Return a tiny untrained detector, for tests."""
        return cls(CdcnSettings(size=32, width=8))


entry = MmCdcn
