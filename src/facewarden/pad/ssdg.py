"""Single-side domain generalization on three streams: a normalized embedding and a domain adversary (CVPR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.ssdg_vit import SsdgVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import AdapterSettings
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class SsdgSettings(AdapterSettings):
    """Settings of the transformer, and of the layers on it.

    Attributes:
        width: of the embedding.
        domains: places for source domains in the adversary; more than there are costs nothing.
        dropout: on the embedding and inside the adversary.
        sharpness: factor on the cosines that the classifier gives.
    """

    width: int = 512
    domains: int = 8
    dropout: float = 0.5
    sharpness: float = 8.0


class Ssdg(ThreeStreams):
    """The detector of single-side domain generalization; objective `ssdg` trains it.

    Source: Jia et al., "Single-Side Domain Generalization for Face Anti-Spoofing", CVPR 2020. There it is a ResNet-18
    on color images; here the embedding stands on the concatenated class tokens of three streams. The head "domain" is
    the adversary's logits `(b, domains)`; it has no part in the score.
    """

    kind = SsdgSettings
    name = "ssdg"
    summary = "Single-side domain generalization (asymmetric triplets, adversary) on three streams."
    source = "Jia et al., CVPR 2020"
    heads = ("domain",)
    options: SsdgSettings
    network: SsdgVit

    def build(self, trunk: nn.Module | None) -> SsdgVit:
        """Shared transformer, embedding, classifier, adversary."""
        assert trunk is not None  # the settings name one
        options = self.options
        return SsdgVit(
            StreamVit(trunk, first=options.first_block), width=options.width, domains=options.domains,
            dropout=options.dropout, sharpness=options.sharpness,
        )  # fmt: skip

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; features are the embedding."""
        output = self.network(images, weight=weight)
        score = output.logits[:, 1] - output.logits[:, 0]
        return PadOutput(score=score, features=output.features, tasks={"domain": output.domain})

    @classmethod
    def example(cls, folder: Path) -> Ssdg:
        """Return a tiny untrained detector, for tests."""
        return cls(SsdgSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=32))


entry = Ssdg
