"""The student of a distillation: a transformer with one linear head per teacher, and how far it is from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.seeding import derive
from facewarden.nn.trunk import TrunkShape, make_trunk
from facewarden.nn.trunk_input import normalized


class Student(nn.Module):
    """A trunk whose class token must tell what recognizers know, and whose patches what a feature map holds.

    Args:
        shape: of the trunk.
        teachers: recognizer -> length of its embeddings.
        components: channels of the feature map.
        seed: of the fresh weights.
    """

    def __init__(self, shape: TrunkShape, *, teachers: Mapping[str, int], components: int, seed: int) -> None:
        super().__init__()
        self.trunk: Any = make_trunk(shape, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "distill", "heads"))
            self.identity = nn.ModuleDict(
                {name: nn.Linear(shape.width, dim, bias=False) for name, dim in teachers.items()}
            )
            self.patches = nn.Linear(shape.width, components)
            self.whole = nn.Linear(shape.width, components)
        for head in (self.patches, self.whole):  # a fresh guess would be many times as wrong as none
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def tokens(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b n d"]:
        """All tokens of images in [0, 1], the class token first."""
        found: Tensor = self.trunk.forward_features(normalized(images))
        return found

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Embeddings by teacher `(b, d)`, the map `(b, k, y, x)` and its mean `(b, k)`."""
        tokens = self.tokens(images)
        first, others = tokens[:, 0], tokens[:, 1:]
        side = round(others.shape[1] ** 0.5)
        maps = self.patches(others).transpose(1, 2).unflatten(2, (side, side))
        return {name: head(first) for name, head in self.identity.items()}, maps, self.whole(first)


def distance(
    student: tuple[dict[str, Tensor], Tensor, Tensor],
    *,
    embeddings: Mapping[str, Tensor],
    maps: Float[Tensor, "b k y x"],
) -> dict[str, Tensor]:
    """How far a student is from its teachers, by part.

    Args:
        student: what it said.
        embeddings: recognizer -> unit vectors.
        maps: of components whose variances add up to one per cell.

    Returns:
        `identity`: one minus the cosine, mean over recognizers; `patches` and `whole`: share of the feature
        map's variance (of its mean's square) that is missed.
    """
    said, cells, whole = student
    turned = [
        1 - functional.cosine_similarity(said[name].float(), target.float(), dim=1)
        for name, target in embeddings.items()
    ]
    mean = maps.float().mean(dim=(2, 3))
    return {
        "identity": torch.stack(turned).mean(),
        "patches": (cells.float() - maps.float()).square().sum(dim=1).mean(),
        "whole": (whole.float() - mean).square().sum(dim=1).mean() / mean.square().sum(dim=1).mean().clamp(min=1e-6),
    }
