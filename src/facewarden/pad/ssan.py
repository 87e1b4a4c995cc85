"""Shuffled style assembly on three streams: content and style apart, each content also in others' styles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.assembly import AssemblyOutput, AssemblyVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class SsanSettings(AdapterSettings):
    """Settings of the transformer, and of what stands on its patches.

    Attributes:
        preset: what is trained; `paper` all that stands on the trunk.
        width: channels of content and style; 256 as published.
        domains: places for source domains in the adversary; more than there are costs nothing.
    """

    preset: Trained = "paper"
    width: Count = 64
    domains: Count = 32


class Ssan(ThreeStreams):
    """The detector of shuffled style assembly; objective `ssan` trains it.

    Source: Wang et al., "Domain Generalization via Shuffled Style Assembly for Face Anti-Spoofing", CVPR 2022, on color
    there. What is ours is told by `facewarden.nn.multimodal.assembly.AssemblyVit`. The head "domain" is the adversary's
    logits `(b, domains)`; it has no part in the score.
    """

    kind = SsanSettings
    name = "ssan"
    summary = "Shuffled style assembly (content, style, contrast) on the patches of three streams."
    source = "after Wang et al., CVPR 2022"
    heads = ("domain",)
    options: SsanSettings
    network: AssemblyVit

    def build(self, trunk: nn.Module | None) -> AssemblyVit:
        """Shared transformer, content, style, assembly, adversary."""
        assert trunk is not None  # the settings name one
        return AssemblyVit(
            StreamVit(trunk, first=self.options.first_block), width=self.options.width, domains=self.options.domains
        )

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        output = self.network(images, weight=weight)
        return PadOutput(score=output.score, features=output.features, tasks={"domain": output.domain})

    def parts(self, batch: FaceBatch) -> AssemblyOutput:
        """Content, style and scores of a whole batch, which the objective needs."""
        output: AssemblyOutput = self.whole(batch)
        return output

    @classmethod
    def example(cls, folder: Path) -> Ssan:
        """Return a tiny untrained detector, for tests."""
        return cls(SsanSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=8, domains=3))


entry = Ssan
