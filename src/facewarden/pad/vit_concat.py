"""Plain three-stream vision transformer: class tokens of rgb, depth and infrared concatenated, nothing in between."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.stream_heads import StreamClassifier
from facewarden.pad.parts.plain_streams import plain_streams
from facewarden.pad.parts.stream_settings import PlainAdapterSettings
from facewarden.pad.parts.streams import Entered, ThreeStreams


class VitConcat(ThreeStreams):
    """The baseline that MMDG's table calls "ViT": MMDG without adapters, trained by cross-entropy.

    With `hidden` it has plain adapters in each stream, none of which looks at another token or sensor: what a frozen
    trunk reaches with the same number of trained weights as the methods that it is compared with.

    Source: Dosovitskiy et al., "An Image Is Worth 16x16 Words", ICLR 2021; its use on three sensors as in Lin et al.,
    CVPR 2024, table 1 (how much of it they trained is not stated; here the preset decides, `full` by default).
    """

    kind = PlainAdapterSettings
    name = "vit_concat"
    summary = "Plain three-stream vision transformer with concatenated class tokens."
    source = "Dosovitskiy et al., ICLR 2021"
    options: PlainAdapterSettings
    network: StreamClassifier

    def build(self, trunk: nn.Module | None) -> StreamClassifier:
        """Shared transformer, adapters where there are any, and one linear layer."""
        assert trunk is not None  # the settings name one
        return StreamClassifier(plain_streams(trunk, self.options))

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        output = self.network(images, weight=weight)
        return PadOutput(score=output.score, features=output.features)

    @classmethod
    def example(cls, folder: Path) -> VitConcat:
        """Return a tiny untrained detector, for tests."""
        return cls(PlainAdapterSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))


entry = VitConcat
