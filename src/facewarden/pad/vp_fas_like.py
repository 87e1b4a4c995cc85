"""Masking in the manner of VP-FAS: prompts say which sensors are there; not the published method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.prompted import PromptedVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import AdapterSettings, MissingFill, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class PromptSettings(AdapterSettings):
    """Settings of the transformer, and of its prompts.

    Attributes:
        preset: what is trained; `paper` the prompts and the head.
        missing_fill: what stands for an absent modality; prompts differ by `masked_tokens` only.
        prompts: tokens of each sensor in each case of what is there.
    """

    preset: Trained = "paper"
    missing_fill: MissingFill = "masked_tokens"
    prompts: Count = 8


class VpFasLike(ThreeStreams):
    """A frozen transformer with prompts for each subset of sensors; objective `missing_consistency` trains it.

    It is like VP-FAS in two things that its abstract tells: prompts for what is missing, and features that are to stay
    the same when sensors are taken away. Its equations are not public where we could read them, so that the form of
    both is ours. A number of it is no number of VP-FAS.

    Source: after Yu et al., "Visual Prompt Flexible-Modal Face Anti-Spoofing", TDSC 2024.
    """

    optional = MODALITIES
    kind = PromptSettings
    name = "vp_fas_like"
    summary = "Frozen transformer with prompts for every subset of sensors, after the idea of VP-FAS."
    source = "after Yu et al., TDSC 2024"
    options: PromptSettings
    network: PromptedVit

    def build(self, trunk: nn.Module | None) -> PromptedVit:
        """Shared transformer, prompts and one linear layer."""
        assert trunk is not None  # the settings name one
        return PromptedVit(StreamVit(trunk, first=self.options.first_block), prompts=self.options.prompts)

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; features are the class tokens side by side."""
        score, features = self.network(images, weight=weight)
        return PadOutput(score=score, features=features)

    @classmethod
    def example(cls, folder: Path) -> VpFasLike:
        """Return a tiny untrained detector, for tests."""
        return cls(PromptSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, prompts=2))


entry = VpFasLike
