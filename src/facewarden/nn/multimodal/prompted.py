"""Learned tokens that tell a frozen transformer which sensors are there, one set for each case and sensor."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.multimodal.vjp import fastest_attention
from facewarden.nn.precision import at_least_single, full_precision

CASES = 2 ** len(MODALITIES)
"""Subsets of the sensors, as a number whose bits say which are there: rgb 1, depth 2, infrared 4."""


class PromptedVit(OnStreams):
    """Three streams with prompts behind the class token; class tokens of what is there, side by side, are scored.

    Prompts join the streams in front of block `first`; below it a stream is the plain transformer's.

    Source: the idea of Yu et al., "Visual Prompt Flexible-Modal Face Anti-Spoofing", TDSC 2024, as its abstract tells
    it: prompts adapt a frozen transformer to what is missing. The form is ours; its residual contextual prompts are
    not here.

    Args:
        streams: the transformer, without adapters.
        prompts: tokens of each sensor in each case.
    """

    def __init__(self, streams: StreamVit, *, prompts: int) -> None:
        super().__init__(streams)
        self.prompts = nn.ParameterDict(
            {m: nn.Parameter(torch.randn(CASES, prompts, streams.dim) * 0.02) for m in MODALITIES}
        )
        self.head = nn.Linear(len(MODALITIES) * streams.dim, 1)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b f"]]:
        """Score and class tokens side by side; those of a masked modality are 0."""
        streams = self.streams
        there = torch.ones(images.shape[:2], device=images.device) if weight is None else weight
        case = sum((there[i] > 0).long() << i for i in range(len(MODALITIES)))
        entered = streams.enter(images)
        told = torch.cat([self.prompts[m][case] for m in MODALITIES]).to(entered)
        stream = torch.cat([entered[:, :1], told, entered[:, 1:]], dim=1)
        with fastest_attention(streams.blocks, like=stream):
            for block in list(streams.blocks)[streams.first :]:
                stream = block(stream)
        tokens = at_least_single(streams.norm(stream[:, 0])).reshape(len(MODALITIES), images.shape[1], -1)
        with full_precision(tokens):
            features = (tokens * there[..., None].to(tokens)).transpose(0, 1).flatten(1)
            return self.head(features)[:, 0], features
