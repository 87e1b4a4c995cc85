"""DADM: masks of what two sensors share, a head for each source domain, and their mean head for unseen domains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import PadOutput
from facewarden.core.settings import Count
from facewarden.nn.multimodal.dadm_vit import DadmOutput, DadmVit
from facewarden.nn.multimodal.mutual_mask import Form
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.stream_settings import AdapterSettings, Trained
from facewarden.pad.parts.streams import Entered, ThreeStreams


@dataclass(frozen=True)
class DadmSettings(AdapterSettings):
    """Settings of the transformer, and of what is added to it.

    Attributes:
        preset: what is trained; `paper` masks, adapters and heads.
        hidden: channels of the adapters.
        width: channels of the interaction maps, 256 as published.
        form: of the masks, `slim` or `published`, see `facewarden.nn.multimodal.mutual_mask.MutualMask`.
        masks: whether there are masks; without them each stream has an adapter on its own attention output.
        domain_heads: a head for each source domain, or one for all.
        places: how many source domains there may be; more than there are costs nothing.
    """

    preset: Trained = "paper"
    hidden: Count = 8
    width: Count = 32
    form: Form = "slim"
    masks: bool = True
    domain_heads: bool = True
    places: Count = 32


class Dadm(ThreeStreams):
    """The detector of dual alignment of domain and modality; objective `dadm` trains it.

    Source: Yang et al., "DADM: Dual Alignment of Domain and Modality for Face Anti-Spoofing", ICCV 2025. The default is
    a slim form for small trunks, which is ours; `form: published` with width 256 is the published one (recipe
    `dadm_published`) but for the trunk and what its preset trains: there also class tokens, position embeddings, last
    block and final norm.
    """

    kind = DadmSettings
    name = "dadm"
    summary = "Dual alignment of domain and modality: masks of shared information and heads of the domains."
    source = "Yang et al., ICCV 2025"
    options: DadmSettings
    network: DadmVit

    def build(self, trunk: nn.Module | None) -> DadmVit:
        """Shared transformer, masks, adapters and heads."""
        assert trunk is not None  # the settings name one
        options = self.options
        return DadmVit(
            trunk, hidden=options.hidden, width=options.width, form=options.form, masks=options.masks,
            places=options.places if options.domain_heads else 1, first=options.first_block,
        )  # fmt: skip

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images by the mean head; features are the class tokens side by side."""
        output = self.network(images, weight=weight)
        features = output.tokens.transpose(0, 1).flatten(1)
        return PadOutput(score=output.logits[:, 1] - output.logits[:, 0], features=features)

    def streams(self, batch: FaceBatch) -> DadmOutput:
        """Logits of every head, class tokens and information vectors of a whole batch, which the objective needs."""
        output: DadmOutput = self.whole(batch)
        return output

    @classmethod
    def example(cls, folder: Path) -> Dadm:
        """Return a tiny untrained detector whose adapters are active, for tests."""
        return with_active_adapters(
            cls(DadmSettings(trunk="vit_tiny_patch16_224", size=32, depth=2, width=8, places=3))
        )


entry = Dadm
