"""Three-stream transformer with central-difference convolutional adapters: no uncertainty and no exchange of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.adapters.cdc_adapter import CdcAdapters
from facewarden.nn.multimodal.stream_heads import StreamClassifier
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.sensor_heads import with_heads
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams

Arrangement = Literal["plain", "released"]

_DROPOUT = 0.1


@dataclass(frozen=True)
class CdcAdapterSettings(AdapterSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` the adapters and the heads, as in adapter tuning.
        hidden: channels of the adapters.
        theta: share of the central difference; 0.7 in MMDG's code.
        arrangement: `plain` adds GELU adapters as they are; `released` is that of MMDG's code: QuickGELU, dropout 0.1,
            and the block's own norm on what an adapter gives.
    """

    preset: Trained = "paper"
    hidden: int = 8
    theta: float = 0.5
    arrangement: Arrangement = "plain"


class VitCdcAdapter(ThreeStreams):
    """Adapter tuning without what MMDG adds: each stream has its own adapters, and a head of its own beside the joint.

    Adapters lie beside the attention and the MLP of every block. The heads "rgb", "depth" and "infrared" are the logits
    of each modality alone.

    Source: Jie and Deng, "Convolutional Bypasses Are Better Vision Transformer Adapters", ECAI 2024, with central
    difference convolutions (Yu et al., CVPR 2020). `arrangement: released` with theta 0.7 and the sum of four losses
    (recipe `vit_cdc_adapter_released`) is the adapter baseline of MMDG's code, which also trains class tokens, position
    embeddings, patch projections, last block and final norm. `plain` is ours.
    """

    kind = CdcAdapterSettings
    name = "vit_cdc_adapter"
    summary = "Vision transformer with central-difference convolutional adapters for each of three sensors."
    source = "Jie and Deng, ECAI 2024; Yu et al., CVPR 2020"
    heads = MODALITIES
    options: CdcAdapterSettings
    network: StreamClassifier

    def build(self, trunk: nn.Module | None) -> StreamClassifier:
        """Shared transformer, adapters, joint and single heads."""
        assert trunk is not None  # the settings name one
        released = self.options.arrangement == "released"
        make = partial(
            CdcAdapters, hidden=self.options.hidden, theta=self.options.theta,
            activation="quick_gelu" if released else "gelu", dropout=_DROPOUT if released else 0.0,
        )  # fmt: skip
        streams = StreamVit(trunk, make_adapter=make, norm_added=released, first=self.options.first_block)
        return StreamClassifier(streams, branches=True)

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return with_heads(self.network(images, weight=weight))

    @classmethod
    def example(cls, folder: Path) -> VitCdcAdapter:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        return with_active_adapters(cls(CdcAdapterSettings(trunk="vit_tiny_patch16_224", size=32, depth=2)))


entry = VitCdcAdapter
