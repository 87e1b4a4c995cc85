"""Three-stream transformer with central-difference convolutional adapters: no uncertainty and no exchange of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.cdc_adapter import CdcAdapter, CdcAdapters
from facewarden.nn.multimodal.stream_vit import StreamClassifier, StreamVit
from facewarden.pad.parts.stream_settings import Trained, TransformerSettings
from facewarden.pad.parts.streams import ThreeStreams


@dataclass(frozen=True)
class CdcAdapterSettings(TransformerSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` the adapters and the heads, as in adapter tuning.
        hidden: channels of the adapters.
        theta: share of the central difference.
    """

    preset: Trained = "paper"
    hidden: int = 8
    theta: float = 0.5


class VitCdcAdapter(ThreeStreams):
    """Adapter tuning without what MMDG adds: each stream has its own adapters, and a head of its own beside the joint.

    Adapters lie beside the attention and the MLP of every block. The heads "rgb", "depth" and "infrared" are the logits
    of each modality alone.

    Source: Jie and Deng, "Convolutional Bypasses Are Better Vision Transformer Adapters", ECAI 2024, with central
    difference convolutions (Yu et al., CVPR 2020); the arrangement is that of the adapter baseline in MMDG's code.
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
        make = partial(CdcAdapters, hidden=self.options.hidden, theta=self.options.theta)
        return StreamClassifier(StreamVit(trunk, make_adapter=make), branches=True)

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        output = self.network(images, weight=weight)
        assert output.alone is not None
        tasks: dict[str, Tensor] = {m: output.alone[i][:, None] for i, m in enumerate(MODALITIES)}
        return PadOutput(score=output.score, features=output.features, tasks=tasks)

    @classmethod
    def example(cls, folder: Path) -> VitCdcAdapter:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        detector = cls(CdcAdapterSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))
        generator = torch.Generator().manual_seed(7)
        for module in detector.network.modules():
            if isinstance(module, CdcAdapter):
                module.up.weight.data = torch.randn(module.up.weight.shape, generator=generator) * 0.1
        return detector


entry = VitCdcAdapter
