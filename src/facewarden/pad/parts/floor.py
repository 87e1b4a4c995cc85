"""Shared parts of the floors: three sensors in one view, a fixed description, a classifier solved in closed form."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import nn

from facewarden.metrics.pad import auc, eer, eer_threshold
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.heads import Described, LinearHead
from facewarden.nn.floors.ridge import ridge_path, scaling_of
from facewarden.pad.parts.described import DescribedDetector
from facewarden.pad.parts.stream_settings import MissingFill, ViewSettings

_Made = TypeVar("_Made", bound="Floor")


@dataclass(frozen=True)
class FloorSettings(ViewSettings):
    """The view of a floor: the face box and a quarter more; numbers that need an absent sensor count as average."""

    size: int = 112
    scale: float = 1.25
    missing_fill: MissingFill = "masked_tokens"


class Floor(DescribedDetector):
    """A detector that learns nothing but the line (or the neighbors) on a fixed description of a capture.

    Its score is 0 at the threshold of the equal error rate on the development rows that it was fitted with.
    """

    kind: ClassVar[type[ViewSettings]] = FloorSettings

    @abstractmethod
    def describer(self, trunk: nn.Module | None) -> Describer:
        """The description; `trunk` as the settings ask for it."""

    def build(self, trunk: nn.Module | None) -> Described:
        """The description and a line on it."""
        made = self.describer(trunk)
        return Described(made, self.head(made.width))

    def head(self, width: int) -> nn.Module:
        """The classifier on `width` numbers."""
        return LinearHead(width)

    def fit(self, train: DescribedRows, *, dev: DescribedRows) -> dict[str, Any]:
        """Fit a ridge for every strength, keep the one with the highest AUC on dev, the stronger of equal ones."""
        scaling = scaling_of(train.description)
        path = ridge_path(scaling.of(train.description), train.labels)
        candidates = path.scores(scaling.of(dev.description)).astype(np.float64)
        areas = [auc(scores, dev.labels) for scores in candidates]
        best = max(range(len(areas)), key=lambda place: (areas[place], path.strengths[place]))
        threshold = eer_threshold(candidates[best], dev.labels)
        head: Any = self.network.head
        with torch.no_grad():
            head.mean.copy_(torch.from_numpy(scaling.mean))
            head.deviation.copy_(torch.from_numpy(scaling.deviation))
            head.line.weight.copy_(torch.from_numpy(path.weights[best])[None])
            head.line.bias.fill_(float(path.intercepts[best]) - threshold)
        return {"strength": path.strengths[best], "dev_auc": areas[best], "dev_eer": eer(candidates[best], dev.labels)}

    @classmethod
    def example(cls: type[_Made], folder: Path) -> _Made:
        """Return a tiny one with a random line, for tests."""
        return cls(cls.kind(size=32))
