"""Content and style of three streams' patches, put together again: the network of SSAN on a frozen transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.reversal import reverse_gradient
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import full_precision

_EPSILON = 1e-5


@dataclass(frozen=True, eq=False)
class AssemblyOutput:
    """What the network says of a batch.

    Attributes:
        score: `(b,)` logit of each sample's own content with its own style.
        features: `(b, w)` of the same.
        content: `(b, w, g, g)` maps without style.
        style: `(b, 2, w)` gain and shift.
        domain: `(b, domains)` logits of the adversary on the content.
    """

    score: Tensor
    features: Tensor
    content: Tensor
    style: Tensor
    domain: Tensor


def adaptive_instance_norm(
    maps: Float[Tensor, "b c h w"], gain: Float[Tensor, "b c"], shift: Float[Tensor, "b c"]
) -> Float[Tensor, "b c h w"]:
    """`gain (x - mean) / std + shift` over each sample's own map.

    Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017.
    """
    mean, variance = maps.mean(dim=(2, 3), keepdim=True), maps.var(dim=(2, 3), keepdim=True)
    return (maps - mean) / (variance + _EPSILON).sqrt() * gain[..., None, None] + shift[..., None, None]


class StyledBlock(nn.Module):
    """`x + norm(conv(relu(norm(conv x))))`, both norms with the gain and shift of a style.

    Source: Wang et al., SSAN, CVPR 2022. In the released code each step overwrites the one before, so that its block
    is `x + norm(x)`.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))

    def forward(self, maps: Float[Tensor, "b c h w"], style: Float[Tensor, "b 2 c"]) -> Float[Tensor, "b c h w"]:
        """Content maps in a style."""
        gain, shift = style.unbind(dim=1)
        inner = F.relu(adaptive_instance_norm(self.first(maps), gain, shift))
        changed: Tensor = maps + adaptive_instance_norm(self.second(inner), gain, shift)
        return changed


class AssemblyVit(OnStreams):
    """Content from the last patches of the three streams, style from those of the middle and the last block.

    Source: Wang et al., "Domain Generalization via Shuffled Style Assembly for Face Anti-Spoofing" (SSAN), CVPR 2022:
    content by batch norm and an adversary, style by instance norm and maximum pooling, two styled blocks. There both
    come from a ResNet-18 on color; the three streams side by side and two depths of a transformer are ours.

    Args:
        streams: the transformer, without adapters.
        width: channels of the maps.
        domains: places for source domains in the adversary.

    Attributes:
        reversal: strength with which the adversary's gradient is reversed; whoever trains it sets it.
    """

    def __init__(self, streams: StreamVit, *, width: int, domains: int) -> None:
        super().__init__(streams)
        many = len(MODALITIES) * streams.dim
        self.domains, self.reversal = domains, 1.0
        self.to_content = nn.Sequential(
            nn.Conv2d(many, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        )  # fmt: skip
        self.early = nn.Sequential(nn.Conv2d(many, width, 1, bias=False), nn.InstanceNorm2d(width), nn.ReLU())
        self.late = nn.Sequential(nn.Conv2d(many, width, 1, bias=False), nn.InstanceNorm2d(width), nn.ReLU())
        self.of_style = nn.Sequential(nn.Linear(width, width, bias=False), nn.ReLU())
        self.gain, self.shift = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.blocks = nn.ModuleList(StyledBlock(width) for _ in range(2))
        self.final = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.head = nn.Linear(width, 1)
        self.adversary = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, domains))

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> AssemblyOutput:
        """Score normalized images; patches of a masked modality are 0."""
        early, late = self.streams.patch_maps(images, weight=weight)
        with full_precision(late):
            content = self.to_content(late)
            pooled = (self.early(early) + self.late(late)).amax(dim=(2, 3))
            told = self.of_style(pooled)
            style = torch.stack([self.gain(told), self.shift(told)], dim=1)
            features = self.assembled(content, style)
            flat = content.mean(dim=(2, 3))
            return AssemblyOutput(
                score=self.head(features)[:, 0],
                features=features,
                content=content,
                style=style,
                domain=self.adversary(reverse_gradient(flat, strength=self.reversal)),
            )

    def assembled(self, content: Float[Tensor, "b c h w"], style: Float[Tensor, "b 2 c"]) -> Float[Tensor, "b c"]:
        """Features of contents in styles, which may be those of other samples."""
        for block in self.blocks:
            content = block(content, style)
        features: Tensor = self.final(content).mean(dim=(2, 3))
        return features
