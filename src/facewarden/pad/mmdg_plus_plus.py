"""The adapters of MMDG++ on any trunk: the more certain side asks. It has no text tower and no prompts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.adapters.certain_adapter import CertainAdapters
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import at_least_single, full_precision
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class PlusSettings(AdapterSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` adapters, projections and head.
        hidden: channels of the adapters.
        width: of the projected unit features; 512 as published.
    """

    preset: Trained = "paper"
    hidden: Count = 8
    width: Count = 128


class ProjectedStreams(OnStreams):
    """Class tokens of three streams, projected to unit vectors, and one linear layer on them side by side.

    Args:
        streams: the transformer with its adapters.
        width: of each unit vector.
    """

    def __init__(self, streams: StreamVit, *, width: int) -> None:
        super().__init__(streams)
        self.project = nn.ModuleDict({m: nn.Linear(streams.dim, width, bias=False) for m in MODALITIES})
        self.head = nn.Linear(len(MODALITIES) * width, 1)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b f"]]:
        """Score and unit features of normalized images; the feature of a masked modality is 0."""
        tokens = at_least_single(self.streams(images, weight=weight))
        with full_precision(tokens):
            unit = torch.stack([F.normalize(self.project[m](tokens[i]), dim=-1) for i, m in enumerate(MODALITIES)])
            shown = unit if weight is None else unit * weight[..., None].to(unit)
            features = shown.transpose(0, 1).flatten(1)
            return self.head(features)[:, 0], features

    def choose_trainable(self, preset: str) -> None:
        """Let gradients reach what a preset trains; log-variances stay as drawn, nothing would reach them."""
        super().choose_trainable(preset)
        for name, parameter in self.named_parameters():
            if ".spread." in name:
                parameter.requires_grad_(False)


class MmdgPlusPlus(ThreeStreams):
    """U-Adapter++ in every block and a linear layer on unit features; train it by `ssp`.

    What is MMDG++'s: the adapters, the rule for what is absent, the head. What is not: its trunk is CLIP, its domain
    prompts are classes of a text tower, for which the single-sided prototypes of MMDG (objective `ssp`) stand here, and
    it rebalances gradients by running losses. A number of it is no number of MMDG++.

    Source: Lin et al., "Reliable and Balanced Transfer Learning for Generalized Multimodal Face Anti-Spoofing"
    (MMDG++), TPAMI 2025, and its code.
    """

    kind = PlusSettings
    name = "mmdg_plus_plus"
    summary = "Adapters of MMDG++, whose queries come from the more certain side; no text tower."
    source = "after MMDG++, TPAMI 2025"
    options: PlusSettings
    network: ProjectedStreams

    def build(self, trunk: nn.Module | None) -> ProjectedStreams:
        """Shared transformer, adapters, projections and one linear layer."""
        assert trunk is not None  # the settings name one
        make = partial(CertainAdapters, hidden=self.options.hidden)
        streams = StreamVit(trunk, make_adapter=make, only_mlp=True, first=self.options.first_block)
        return ProjectedStreams(streams, width=self.options.width)

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; features are the unit vectors side by side."""
        score, features = self.network(images, weight=weight)
        return PadOutput(score=score, features=features)

    @classmethod
    def example(cls, folder: Path) -> MmdgPlusPlus:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        return with_active_adapters(cls(PlusSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=16)))


entry = MmdgPlusPlus
