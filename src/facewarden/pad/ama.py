"""Flexible-modal transformer with adaptive multimodal adapters: any of the three sensors may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.ama import FlexibleVit, MultimodalAdapter
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import MissingFill, Trained, TransformerSettings
from facewarden.pad.parts.streams import ThreeStreams


@dataclass(frozen=True)
class AmaSettings(TransformerSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` the adapters and the head.
        missing_fill: what stands for an absent modality; flexible by `masked_tokens`.
        hidden: channels of the adapters for each modality.
    """

    preset: Trained = "paper"
    missing_fill: MissingFill = "masked_tokens"
    hidden: int = 8


class Ama(ThreeStreams):
    """One model for every subset of sensors: adapters combine the present sensors, the mean class token is scored.

    Train it with modalities dropped, else it meets its first missing one in the test.

    Source: Yu et al., "Rethinking Vision Transformer and Masked Autoencoder in Multimodal Face Anti-Spoofing", IJCV
    2024 (adapter); the mean over the present modalities is ours. No masked autoencoder is trained.
    """

    optional = MODALITIES
    kind = AmaSettings
    name = "ama"
    summary = "Vision transformer with adaptive multimodal adapters for any subset of three sensors."
    source = "after Yu et al., IJCV 2024"
    options: AmaSettings
    network: FlexibleVit

    def build(self, trunk: nn.Module | None) -> FlexibleVit:
        """Shared transformer, adapters and one linear layer."""
        assert trunk is not None  # the settings name one
        make = partial(MultimodalAdapter, hidden=self.options.hidden)
        return FlexibleVit(StreamVit(trunk, make_adapter=make))

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; features are the class tokens side by side."""
        score, tokens = self.network(images, weight=weight)
        return PadOutput(score=score, features=tokens.transpose(0, 1).flatten(1))

    @classmethod
    def example(cls, folder: Path) -> Ama:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        detector = cls(AmaSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))
        generator = torch.Generator().manual_seed(7)
        for name, parameter in detector.network.named_parameters():
            if ".up." in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
        return detector


entry = Ama
