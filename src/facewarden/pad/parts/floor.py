"""Shared parts of the floors: three sensors in one view, a fixed description, a classifier solved in closed form."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.metrics.pad import auc, eer, eer_threshold
from facewarden.nn.closed_form import ClosedForm
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.heads import Described, LinearHead
from facewarden.nn.floors.ridge import ridge_path, scaling_of
from facewarden.pad.parts.stream_settings import MissingFill, ViewSettings
from facewarden.pad.parts.streams import ThreeStreams

_Made = TypeVar("_Made", bound="Floor")


@dataclass(frozen=True)
class FloorSettings(ViewSettings):
    """The view of a floor: the face box and a quarter more; numbers that need an absent sensor count as average."""

    size: int = 112
    scale: float = 1.25
    missing_fill: MissingFill = "masked_tokens"


class Floor(ThreeStreams, ClosedForm):
    """A detector that learns nothing but the line (or the neighbors) on a fixed description of a capture.

    Its score is 0 at the threshold of the equal error rate on the development rows that it was fitted with.
    """

    optional = MODALITIES
    kind: ClassVar[type[ViewSettings]] = FloorSettings
    network: Described

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

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return PadOutput(score=self.network(_pixels(images), weight))

    def requires_grad_(self: _Made, requires_grad: bool = True) -> _Made:  # noqa: FBT001, FBT002 - the signature of torch
        """Enable gradients for the classifier, or for nothing."""
        super().requires_grad_(requires_grad)
        if requires_grad:
            self.network.choose_trainable("paper")
        return self

    def describe(self, batch: FaceBatch) -> NDArray[np.float32]:
        """Description of crops, NaN where a sensor is absent."""
        with torch.inference_mode():
            images, present = self.prepare(batch)
            found: NDArray[np.float32] = self.network.describer(_pixels(images), present.to(images.dtype)).cpu().numpy()
        return found

    def fit(
        self,
        description: NDArray[np.float32],
        labels: NDArray[np.int64],
        *,
        dev: NDArray[np.float32],
        dev_labels: NDArray[np.int64],
    ) -> dict[str, float]:
        """Fit a ridge for every strength, keep the one with the highest AUC on dev, the stronger of equal ones."""
        scaling = scaling_of(description)
        path = ridge_path(scaling.of(description), labels)
        candidates = path.scores(scaling.of(dev)).astype(np.float64)
        areas = [auc(scores, dev_labels) for scores in candidates]
        best = max(range(len(areas)), key=lambda place: (areas[place], path.strengths[place]))
        threshold = eer_threshold(candidates[best], dev_labels)
        head: Any = self.network.head
        with torch.no_grad():
            head.mean.copy_(torch.from_numpy(scaling.mean))
            head.deviation.copy_(torch.from_numpy(scaling.deviation))
            head.line.weight.copy_(torch.from_numpy(path.weights[best])[None])
            head.line.bias.fill_(float(path.intercepts[best]) - threshold)
        return {"strength": path.strengths[best], "dev_auc": areas[best], "dev_eer": eer(candidates[best], dev_labels)}

    def decide(self, description: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of descriptions."""
        with torch.inference_mode():
            scores: NDArray[np.float64] = self.network.head(torch.from_numpy(description)).double().numpy()
        return scores

    @classmethod
    def example(cls: type[_Made], folder: Path) -> _Made:
        """Return a tiny one with a random line, for tests."""
        return cls(cls.kind(size=32))


def _pixels(images: Tensor) -> Tensor:
    """Undo the normalization of the common view: descriptions read pixels in [0, 1]."""
    return ((images * 128 + 127.5) / 255).clamp(0, 1)
