"""MMDA, small: fusion against the domain's own pattern and learned prototypes of both classes; it has no text tower."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.mmda_vit import MmdaOutput, MmdaVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class MmdaSettings(AdapterSettings):
    """Settings of the transformer, and of what stands on its class tokens.

    Attributes:
        preset: what is trained; `paper` all that stands on the trunk. The published method trains the trunk too.
        width: of the vectors; 512 as published.
        heads: of the fusion; 16 as published.
        prototypes: of each class.
        places: how many source domains there may be; more than there are costs nothing.
    """

    preset: Trained = "paper"
    width: Count = 48
    heads: Count = 4
    prototypes: Count = 8
    places: Count = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise BadInputError(f"{self.heads} heads do not divide the width {self.width}", hint="heads: 4")


class Mmda(ThreeStreams):
    """A small form of MMDA ("Purify then Guide"); objective `mmda` trains it.

    It has no text tower: learned prototypes, started from the sources' own features, stand where the published method
    has the embeddings of prompts, and the trunk is any of this package's, not CLIP. What else differs is told by
    `facewarden.nn.multimodal.mmda_vit.MmdaVit`. A number of it is no number of the published method.

    Source: "Purify then Guide", ECCV 2026, and its public code.
    """

    kind = MmdaSettings
    name = "mmda"
    summary = "Small MMDA: differential fusion, experts and learned prototypes instead of a text tower."
    source = "after MMDA, ECCV 2026"
    options: MmdaSettings
    network: MmdaVit

    def build(self, trunk: nn.Module | None) -> MmdaVit:
        """Shared transformer, fusion, refining blocks and prototypes."""
        assert trunk is not None  # the settings name one
        options = self.options
        return MmdaVit(
            StreamVit(trunk, first=options.first_block), width=options.width, heads=options.heads,
            prototypes=options.prototypes, places=options.places,
        )  # fmt: skip

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images at the last level; features are the fused vector."""
        output = self.network(images, weight=weight)
        last = output.logits[:, -1]
        return PadOutput(score=last[:, 1] - last[:, 0], features=output.fused)

    def levels(self, batch: FaceBatch, *, partner: Float[Tensor, "b m w"] | None = None) -> MmdaOutput:
        """All that the objective needs of a whole batch; `partner` as of the network."""
        output: MmdaOutput = self.answer(
            batch, lambda images, weight: self.network(images, weight=weight, partner=partner)
        )
        return output

    @classmethod
    def example(cls, folder: Path) -> Mmda:
        """Return a tiny untrained detector, for tests."""
        return cls(MmdaSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=12, heads=2, places=3))


entry = Mmda
