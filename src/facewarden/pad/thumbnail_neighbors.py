"""Nearest neighbors on gray thumbnails of three sensors: the floor that remembers instead of learning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facewarden.core.settings import Count
from facewarden.metrics.pad import auc, eer, eer_threshold
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.heads import NeighborHead
from facewarden.nn.floors.ridge import scaling_of
from facewarden.nn.floors.thumbnails import Thumbnails
from facewarden.pad.parts.floor import Floor, FloorSettings


@dataclass(frozen=True)
class NeighborSettings(FloorSettings):
    """Settings of the view, the thumbnails and the neighbors.

    Attributes:
        pixels: side of a thumbnail.
        neighbors: of each class.
    """

    pixels: Count = 8
    neighbors: Count = 5


class ThumbnailNeighbors(Floor):
    """Every training capture is remembered as a thumbnail; the score compares the distances to both classes.

    Source: Cover and Hart, "Nearest Neighbor Pattern Classification", IEEE Transactions on Information Theory 13, 1967.
    """

    kind = NeighborSettings
    name = "thumbnail_neighbors"
    summary = "Nearest neighbors on gray thumbnails of three sensors."
    source = "after Cover and Hart, 1967"
    options: NeighborSettings

    def describer(self, trunk: nn.Module | None) -> Describer:
        """Thumbnails of the three sensors."""
        return Thumbnails(self.options.pixels)

    def head(self, width: int) -> nn.Module:
        """Distances to remembered thumbnails."""
        return NeighborHead(width, neighbors=self.options.neighbors)

    def fit(self, train: DescribedRows, *, dev: DescribedRows) -> dict[str, Any]:
        """Remember the training rows; dev sets the threshold."""
        scaling = scaling_of(train.description)
        rows = torch.from_numpy(scaling.of(train.description))
        head: Any = self.network.head
        head.register_buffer("mean", torch.from_numpy(scaling.mean))
        head.register_buffer("deviation", torch.from_numpy(scaling.deviation))
        head.register_buffer("bona_fide", rows[torch.from_numpy(train.labels == 1)])
        head.register_buffer("attack", rows[torch.from_numpy(train.labels == 0)])
        head.shift.zero_()
        scores = self.decide(dev.description)
        head.shift.fill_(eer_threshold(scores, dev.labels))
        return {"neighbors": float(self.options.neighbors), "dev_auc": auc(scores, dev.labels),
                "dev_eer": eer(scores, dev.labels)}  # fmt: skip

    @classmethod
    def example(cls, folder: Path) -> ThumbnailNeighbors:
        """Return a tiny one that remembers noise, for tests."""
        return cls(NeighborSettings(size=32))


entry = ThumbnailNeighbors
