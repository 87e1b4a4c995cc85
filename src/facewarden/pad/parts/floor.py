"""Shared parts of the floors: three sensors in one view, a fixed description, a classifier solved in closed form."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.heads import Described, LinearHead
from facewarden.pad.parts.described import DescribedDetector
from facewarden.pad.parts.solved import solve_ridge
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
        solved = solve_ridge(train, dev=dev)
        head: Any = self.network.head
        with torch.no_grad():
            head.mean.copy_(torch.from_numpy(solved.scaling.mean))
            head.deviation.copy_(torch.from_numpy(solved.scaling.deviation))
            head.line.weight.copy_(torch.from_numpy(solved.weights)[None])
            head.line.bias.fill_(solved.intercept)
        return dict(solved.chosen)

    @classmethod
    def example(cls: type[_Made], folder: Path) -> _Made:
        """Return a tiny one with a random line, for tests."""
        return cls(cls.kind(size=32))
