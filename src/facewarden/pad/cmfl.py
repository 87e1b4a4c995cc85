"""Three-stream transformer with a joint head and one per sensor, for the cross-modal focal loss."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.stream_vit import StreamClassifier, StreamVit
from facewarden.pad.parts.sensor_heads import with_heads
from facewarden.pad.parts.stream_settings import TransformerSettings
from facewarden.pad.parts.streams import ThreeStreams


class Cmfl(ThreeStreams):
    """The detector of the cross-modal focal loss (objective `cmfl`).

    The heads "rgb", "depth" and "infrared" are the logits of each modality alone, which the loss weighs against each
    other; the score is the joint head's.

    Source: George and Marcel, "Cross Modal Focal Loss for RGBD Face Anti-Spoofing", CVPR 2021: two streams, joint and
    single heads. There each stream is half a DenseNet and there are two sensors; here the streams are those of the
    other baselines, so that the loss is what differs.
    """

    name = "cmfl"
    summary = "Three-stream transformer with joint and single heads, for the cross-modal focal loss."
    source = "George and Marcel, CVPR 2021"
    heads = MODALITIES
    network: StreamClassifier

    def build(self, trunk: nn.Module | None) -> StreamClassifier:
        """Shared transformer, joint and single heads."""
        assert trunk is not None  # the settings name one
        return StreamClassifier(StreamVit(trunk), branches=True)

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return with_heads(self.network(images, weight=weight))

    @classmethod
    def example(cls, folder: Path) -> Cmfl:
        """Return a tiny untrained detector, for tests."""
        return cls(TransformerSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))


entry = Cmfl
