"""Flexible-modal transformer with adaptive multimodal adapters: any of the three sensors may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.ama import FlexibleVit, MultimodalAdapter
from facewarden.nn.multimodal.joint_vit import JointVit, LateJointVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.stream_settings import AdapterSettings, MissingFill, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams

Sequences = Literal["apart", "joint"]


@dataclass(frozen=True)
class AmaSettings(AdapterSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` the adapters and the head.
        missing_fill: what stands for an absent modality; flexible by `masked_tokens`.
        hidden: channels of the adapters, for each modality where the sequences are apart.
        sequence: `joint`, all patches behind one class token, as published; or `apart`, one sequence for each modality,
            which meet in the adapters only. With `first_block` above 0 the joint sequence begins at that block.
    """

    preset: Trained = "paper"
    missing_fill: MissingFill = "masked_tokens"
    hidden: int = 8
    sequence: Sequences = "apart"


class Ama(ThreeStreams):
    """One model for every subset of sensors: adapters combine the present sensors, one class token is scored.

    Train it with modalities dropped, else it meets its first missing one in the test.

    Source: Yu et al., "Rethinking Vision Transformer and Masked Autoencoder in Multimodal Face Anti-Spoofing", IJCV
    2024. `sequence: joint` (recipe `ama_joint`) is its arrangement; with `apart` the mean class token of the present
    modalities is scored, which is ours, and so is blocking absent patches in the attention. No masked autoencoder is
    trained.
    """

    optional = MODALITIES
    kind = AmaSettings
    name = "ama"
    summary = "Vision transformer with adaptive multimodal adapters for any subset of three sensors."
    source = "after Yu et al., IJCV 2024"
    options: AmaSettings
    network: FlexibleVit | JointVit | LateJointVit

    def build(self, trunk: nn.Module | None) -> FlexibleVit | JointVit | LateJointVit:
        """Shared transformer, adapters and one linear layer."""
        assert trunk is not None  # the settings name one
        if self.options.sequence == "joint":
            first = self.options.first_block
            hidden = self.options.hidden
            return LateJointVit(trunk, hidden=hidden, first=first) if first else JointVit(trunk, hidden=hidden)
        make = partial(MultimodalAdapter, hidden=self.options.hidden)
        return FlexibleVit(StreamVit(trunk, make_adapter=make, first=self.options.first_block))

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; features are the class token, or those of three sequences side by side."""
        score, tokens = self.network(images, weight=weight)
        return PadOutput(score=score, features=tokens if tokens.ndim == 2 else tokens.transpose(0, 1).flatten(1))

    @classmethod
    def example(cls, folder: Path) -> Ama:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        return with_active_adapters(cls(AmaSettings(trunk="vit_tiny_patch16_224", size=32, depth=2)))


entry = Ama
