"""Instance-aware domain generalization on three streams: styles are exchanged, covariances that follow them vanish."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.restyled import RestyledOutput, RestyledVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class IadgSettings(AdapterSettings):
    """Settings of the transformer, and of the maps on its patches.

    Attributes:
        preset: what is trained; `paper` all that stands on the trunk.
        width: channels of the maps; 384 as published.
    """

    preset: Trained = "paper"
    width: Count = 64


class Iadg(ThreeStreams):
    """The detector of instance-aware domain generalization; objective `iadg` trains it.

    Source: Zhou et al., "Instance-Aware Domain Generalization for Face Anti-Spoofing", CVPR 2023. What is ours is told
    by `facewarden.nn.multimodal.restyled.RestyledVit`.
    """

    kind = IadgSettings
    name = "iadg"
    summary = "Instance whitening and exchange of styles on the patches of three streams, after IADG."
    source = "after Zhou et al., CVPR 2023"
    options: IadgSettings
    network: RestyledVit

    def build(self, trunk: nn.Module | None) -> RestyledVit:
        """Shared transformer, maps, classifier."""
        assert trunk is not None  # the settings name one
        return RestyledVit(StreamVit(trunk, first=self.options.first_block), width=self.options.width)

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        output = self.network(images, weight=weight)
        return PadOutput(score=output.score, features=output.features)

    def parts(self, batch: FaceBatch) -> RestyledOutput:
        """Maps and scores of a whole batch, which the objective needs."""
        output: RestyledOutput = self.whole(batch)
        return output

    @classmethod
    def example(cls, folder: Path) -> Iadg:
        """Return a tiny untrained detector, for tests."""
        return cls(IadgSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=8))


entry = Iadg
