"""Late fusion of several sensors: one small convolutional trunk each, merged by gates over whatever is present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality


@dataclass(frozen=True, eq=False)
class FusionOutput:
    """What the network says of a batch.

    Attributes:
        score: `(b,)` logit of the merged features.
        features: `(b, d)` merged features.
        by_modality: modality -> `(b, 1)` logit of that sensor alone, 0 where it is absent.
    """

    score: Tensor
    features: Tensor
    by_modality: Mapping[Modality, Tensor]


class LateFusion(nn.Module):
    """One trunk per modality, gated mean of their features, one logit of the mean and one of each modality.

    A trunk sees only the samples that have its modality, also when it learns: neither the pixels nor the weights of an
    absent sensor reach the score, and batch statistics come from real captures alone. The gates are a softmax over the
    present modalities, so that they sum to one for every nonempty subset.

    Args:
        modalities: which sensors, in order.
        backbone: name of a timm convolutional network; it starts from random weights.
        width: length of each sensor's features.
    """

    def __init__(self, modalities: Sequence[Modality], *, backbone: str, width: int) -> None:
        super().__init__()
        self.modalities, self.width = tuple(modalities), width
        self.trunks, self.projections = nn.ModuleDict(), nn.ModuleDict()
        self.gates, self.heads = nn.ModuleDict(), nn.ModuleDict()
        for name in self.modalities:
            trunk, channels = _trunk(backbone, CHANNELS[name])
            self.trunks[name] = trunk
            self.projections[name] = nn.Sequential(nn.Linear(channels, width), nn.LayerNorm(width))
            self.gates[name], self.heads[name] = nn.Linear(width, 1), nn.Linear(width, 1)
        self.score = nn.Linear(width, 1)

    def forward(
        self, images: Mapping[Modality, Float[Tensor, "b c s s"]], *, present: Mapping[Modality, Bool[Tensor, " b"]]
    ) -> FusionOutput:
        """Score crops of several sensors.

        Args:
            images: modality -> crops in [0, 1]; a modality may be missing altogether.
            present: modality -> which samples have it; each sample needs at least one.
        """
        given = [name for name in self.modalities if name in images]
        return self._merged({name: self._embed(name, images[name], present[name]) for name in given}, present)

    def dense(
        self, images: Mapping[Modality, Float[Tensor, "b c s s"]], *, present: Mapping[Modality, Bool[Tensor, " b"]]
    ) -> FusionOutput:
        """Same in evaluation mode, but the trunks also see what is absent, so that no shape depends on it.

        Args:
            images, present: of every sensor.
        """
        return self._merged({name: self._described(name, images[name]) for name in self.modalities}, present)

    def _merged(self, embeddings: Mapping[Modality, Tensor], present: Mapping[Modality, Tensor]) -> FusionOutput:
        features, gates, single = [], [], {}
        for name, embedded in embeddings.items():
            here = present[name]
            features.append(embedded)
            gates.append(self.gates[name](embedded)[:, 0].masked_fill(~here, -torch.inf))
            single[name] = self.heads[name](embedded).masked_fill(~here[:, None], 0.0)
        weights = torch.softmax(torch.stack(gates, dim=1), dim=1)
        merged = (weights[..., None] * torch.stack(features, dim=1)).sum(dim=1)
        for name in self.modalities:
            single.setdefault(name, merged.new_zeros(merged.shape[0], 1))
        return FusionOutput(self.score(merged)[:, 0], merged, single)

    def _embed(self, name: Modality, images: Tensor, here: Tensor) -> Tensor:
        empty = images.new_zeros(len(images), self.width)
        rows = here.nonzero().flatten()
        if len(rows) == 0:
            return empty
        whole = len(rows) == len(images)
        embedding = self._described(name, images if whole else images[rows])
        return embedding if whole else empty.index_copy(0, rows, embedding)

    def _described(self, name: Modality, images: Tensor) -> Tensor:
        maps: Tensor = self.trunks[name](images.contiguous(memory_format=torch.channels_last) * 4 - 2)
        embedding: Tensor = self.projections[name](maps.mean(dim=(2, 3)))
        return embedding


def _trunk(backbone: str, channels: int) -> tuple[nn.Module, int]:
    ensure_torchvision()
    import timm

    hint = "a convolutional network of timm, such as mobilenetv3_small_050"
    if not timm.is_model(backbone):  # timm takes paths and addresses of hubs as well
        raise BadInputError(f"backbone {backbone[:80]!r}: timm has no such model", hint=hint)
    try:
        trunk = timm.create_model(backbone, pretrained=False, in_chans=channels, features_only=True, out_indices=(-1,))
    except (RuntimeError, TypeError, ValueError, AssertionError, AttributeError) as error:
        raise BadInputError(f"backbone {backbone!r} gives no maps of features: {error}", hint=hint) from error
    for parameter in trunk.parameters():
        if parameter.ndim == 4:  # convolutions run faster on a CPU with channels last
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return _Last(trunk), int(trunk.feature_info.channels()[-1])


class _Last(nn.Module):
    """The last feature map of a timm feature extractor."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.extractor(images)[-1]
        return maps
