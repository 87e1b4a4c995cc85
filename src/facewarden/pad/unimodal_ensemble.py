"""Three classifiers that never meet, one a sensor, whose mean logit over the sensors that are there is the score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.adapters.cdc_adapter import CdcAdapters
from facewarden.nn.multimodal.stream_heads import StreamEnsemble
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.sensor_heads import with_heads
from facewarden.pad.parts.stream_settings import AdapterSettings, MissingFill, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class EnsembleSettings(AdapterSettings):
    """Settings of the transformer, and of its adapters.

    Attributes:
        preset: what is trained; `paper` the adapters and the heads. With `full` the sensors share what they train.
        missing_fill: what stands for an absent modality; with `masked_tokens` it has no vote.
        hidden: channels of the adapters.
        theta: share of the central difference in them.
    """

    preset: Trained = "paper"
    missing_fill: MissingFill = "masked_tokens"
    hidden: int = 8
    theta: float = 0.5


class UnimodalEnsemble(ThreeStreams):
    """What the sensors can do without learning together: nothing that is trained sees two of them.

    Each stream has adapters and a head of its own on the frozen trunk; the heads "rgb", "depth" and "infrared" are
    their logits. Objective `unimodal` gives each its own cross-entropy. Rival of methods that balance modalities: what
    a joint training adds is measured against it.

    Source: the usual late fusion by the mean of logits; adapters as of `vit_cdc_adapter`.
    """

    optional = MODALITIES
    kind = EnsembleSettings
    name = "unimodal_ensemble"
    summary = "Ensemble of three single-sensor transformers with adapters; the mean logit decides."
    source = "late fusion by the mean of logits"
    heads = MODALITIES
    options: EnsembleSettings
    network: StreamEnsemble

    def build(self, trunk: nn.Module | None) -> StreamEnsemble:
        """Shared frozen transformer, adapters and heads of the sensors."""
        assert trunk is not None  # the settings name one
        make = partial(CdcAdapters, hidden=self.options.hidden, theta=self.options.theta)
        return StreamEnsemble(StreamVit(trunk, make_adapter=make, first=self.options.first_block))

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return with_heads(self.network(images, weight=weight))

    @classmethod
    def example(cls, folder: Path) -> UnimodalEnsemble:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        return with_active_adapters(cls(EnsembleSettings(trunk="vit_tiny_patch16_224", size=32, depth=2)))


entry = UnimodalEnsemble
