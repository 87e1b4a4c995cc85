"""Linear classifiers on the class tokens of three streams: of all side by side, and of each alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import at_least_single, full_precision


@dataclass(frozen=True, eq=False)
class StreamScores:
    """Output of a classifier over three streams.

    Attributes:
        score: `(b,)` logit of all modalities together.
        features: `(b, 3 d)` class tokens of rgb, depth, infrared side by side.
        alone: `(m, b)` logit of each modality, where there are such heads.
    """

    score: Tensor
    features: Tensor
    alone: Tensor | None = None


class StreamClassifier(OnStreams):
    """A linear classifier on the concatenated class tokens of a `StreamVit`, and one on each of them if wanted.

    Args:
        streams: the transformer.
        branches: also classify each modality alone.
    """

    def __init__(self, streams: StreamVit, *, branches: bool = False) -> None:
        super().__init__(streams)
        self.head = nn.Linear(len(MODALITIES) * streams.dim, 1)
        self.alone = _heads(streams.dim) if branches else nn.ModuleDict()

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> StreamScores:
        """Score normalized images; where `weight` is 0 a modality does not reach the joint classifier."""
        tokens = at_least_single(self.streams(images, weight=weight))
        weighted = tokens if weight is None else tokens * weight[..., None].to(tokens.dtype)
        with full_precision(weighted):
            single = _each(self.alone, tokens) if self.alone else None
            score = self.head(weighted.transpose(0, 1).flatten(1))[:, 0]
        return StreamScores(
            score=score,
            features=tokens.transpose(0, 1).flatten(1),
            alone=single,
        )


class StreamEnsemble(OnStreams):
    """A linear classifier on each class token of a `StreamVit`; the score is the mean of those that are there.

    Args:
        streams: the transformer.
    """

    def __init__(self, streams: StreamVit) -> None:
        super().__init__(streams)
        self.alone = _heads(streams.dim)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> StreamScores:
        """Score normalized images; where `weight` is 0 a modality has no vote."""
        tokens = at_least_single(self.streams(images, weight=weight))
        with full_precision(tokens):
            single = _each(self.alone, tokens)
        votes = torch.ones_like(single) if weight is None else weight.to(single)
        score = (single * votes).sum(dim=0) / votes.sum(dim=0).clamp(min=1)
        return StreamScores(score=score, features=tokens.transpose(0, 1).flatten(1), alone=single)


def _heads(dim: int) -> nn.ModuleDict:
    """A linear classifier for the class token of each modality."""
    return nn.ModuleDict({modality: nn.Linear(dim, 1) for modality in MODALITIES})


def _each(heads: nn.ModuleDict, tokens: Float[Tensor, "m b d"]) -> Float[Tensor, "m b"]:
    """What each of them says of its own token."""
    return torch.stack([heads[modality](tokens[place])[:, 0] for place, modality in enumerate(MODALITIES)])
