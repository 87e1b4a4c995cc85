"""Three-stream transformer with a joint head and one per sensor, for the cross-modal focal loss."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.stream_heads import StreamClassifier
from facewarden.pad.parts.plain_streams import plain_streams
from facewarden.pad.parts.sensor_heads import with_heads
from facewarden.pad.parts.stream_settings import PlainAdapterSettings
from facewarden.pad.parts.streams import Entered, ThreeStreams


class Cmfl(ThreeStreams):
    """The detector of the cross-modal focal loss (objective `cmfl`).

    The heads "rgb", "depth" and "infrared" are the logits of each modality alone, which the loss weighs against each
    other; the score is the joint head's.

    Source: George and Marcel, "Cross Modal Focal Loss for RGBD Face Anti-Spoofing", CVPR 2021: two streams, joint and
    single heads. There each stream is half a DenseNet and there are two sensors; here the streams are those of the
    other baselines, so that the loss is what differs.
    With `hidden` the streams have plain adapters, as those of `vit_concat`.
    """

    kind = PlainAdapterSettings
    name = "cmfl"
    summary = "Three-stream transformer with joint and single heads, for the cross-modal focal loss."
    source = "George and Marcel, CVPR 2021"
    heads = MODALITIES
    options: PlainAdapterSettings
    network: StreamClassifier

    def build(self, trunk: nn.Module | None) -> StreamClassifier:
        """Shared transformer, joint and single heads."""
        assert trunk is not None  # the settings name one
        return StreamClassifier(plain_streams(trunk, self.options), branches=True)

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return with_heads(self.network(images, weight=weight))

    @classmethod
    def example(cls, folder: Path) -> Cmfl:
        """Return a tiny untrained detector, for tests."""
        return cls(PlainAdapterSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))


entry = Cmfl
