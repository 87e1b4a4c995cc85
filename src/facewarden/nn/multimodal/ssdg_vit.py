"""Three streams into one normalized embedding, a cosine classifier on it and a domain adversary behind a reversal."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.reversal import reverse_gradient
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import at_least_single, full_precision


@dataclass(frozen=True, eq=False)
class SsdgOutput:
    """What the network says of a batch.

    Attributes:
        logits: `(b, 2)` attack and bona fide.
        features: `(b, width)` of length one.
        domain: `(b, domains)` logits of the adversary.
    """

    logits: Tensor
    features: Tensor
    domain: Tensor


class SsdgVit(OnStreams):
    """Embedding, classifier and adversary of SSDG on the class tokens of three streams.

    Features and the classifier's weights are of length one, so that logits are cosines times `sharpness` (the paper
    normalizes both; the factor is ours, as cosines alone leave the softmax flat).

    Source: Jia et al., "Single-Side Domain Generalization for Face Anti-Spoofing", CVPR 2020.

    Args:
        streams: the transformer.
        width: of the embedding, and inside the adversary.
        domains: places for source domains in the adversary.
        dropout: on the embedding and inside the adversary.
        sharpness: factor on the cosines.

    Attributes:
        reversal: strength with which the adversary's gradient is reversed; whoever trains it sets it.
    """

    def __init__(self, streams: StreamVit, *, width: int, domains: int, dropout: float, sharpness: float) -> None:
        super().__init__(streams)
        self.domains, self.sharpness, self.reversal = domains, sharpness, 1.0
        self.embed = nn.Sequential(nn.Linear(len(MODALITIES) * streams.dim, width), nn.ReLU(), nn.Dropout(dropout))
        self.classify = nn.Linear(width, 2, bias=False)
        self.adversary = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, domains)
        )

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> SsdgOutput:
        """Score normalized images; where `weight` is 0 a modality does not reach the embedding."""
        tokens = at_least_single(self.streams(images, weight=weight))
        weighted = tokens if weight is None else tokens * weight[..., None].to(tokens.dtype)
        with full_precision(weighted):
            features = F.normalize(self.embed(weighted.transpose(0, 1).flatten(1)), dim=1)
            return SsdgOutput(
                logits=self.sharpness * F.linear(features, F.normalize(self.classify.weight, dim=1)),
                features=features,
                domain=self.adversary(reverse_gradient(features, strength=self.reversal)),
            )
