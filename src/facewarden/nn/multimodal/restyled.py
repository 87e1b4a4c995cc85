"""Maps of three streams' patches whose styles can be exchanged and whose covariances can be read: IADG's network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.assembly import adaptive_instance_norm
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import full_precision


@dataclass(frozen=True, eq=False)
class RestyledOutput:
    """What the network says of a batch.

    Attributes:
        score: `(b,)` logit.
        features: `(b, w)` before the last layer.
        maps: `(b, w, g, g)` that are classified, and whose styles can be exchanged.
    """

    score: Tensor
    features: Tensor
    maps: Tensor


def style_of(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 c"]:
    """Mean and standard deviation of each channel of each sample."""
    return torch.stack([maps.mean(dim=(2, 3)), maps.var(dim=(2, 3)).sqrt()], dim=1)


def restyled(maps: Float[Tensor, "b c h w"], style: Float[Tensor, "b 2 c"]) -> Float[Tensor, "b c h w"]:
    """`x + norm(x) std + mean`: each map and the same in another style.

    Source: Zhou et al., IADG, CVPR 2023, the block of categorical style assembly.
    """
    mean, deviation = style.unbind(dim=1)
    return maps + adaptive_instance_norm(maps, deviation, mean)


class RestyledVit(OnStreams):
    """One map of the three streams' last patches, a classifier on it, and a layer whose covariances are whitened.

    Source: Zhou et al., "Instance-Aware Domain Generalization for Face Anti-Spoofing" (IADG), CVPR 2023. Ours: the maps
    come from the patches of a transformer instead of a convolutional network, there are no dynamic kernels and no
    depth estimator.

    Args:
        streams: the transformer, without adapters.
        width: channels of the maps.
    """

    def __init__(self, streams: StreamVit, *, width: int) -> None:
        super().__init__(streams)
        self.to_maps = nn.Sequential(
            nn.Conv2d(len(MODALITIES) * streams.dim, width, 1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.final = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.embed = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.InstanceNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> RestyledOutput:
        """Score normalized images; patches of a masked modality are 0."""
        _, late = self.streams.patch_maps(images, weight=weight)
        with full_precision(late):
            maps = self.to_maps(late)
            score, features = self.classified(maps)
            return RestyledOutput(score, features, maps)

    def classified(self, maps: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, " b"], Float[Tensor, "b c"]]:
        """Logit and features of maps, also of maps in another style."""
        features = self.embed(maps).amax(dim=(2, 3))
        return self.head(features)[:, 0], features
