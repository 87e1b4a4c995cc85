"""Shared part of detectors in closed form: three sensors in one view, a fixed description, a classifier on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.roles import PadOutput
from facewarden.nn.closed_form import ClosedForm
from facewarden.nn.floors.heads import Described
from facewarden.nn.trunk_input import pixels_of
from facewarden.pad.parts.streams import ThreeStreams

_Made = TypeVar("_Made", bound="DescribedDetector")


class DescribedDetector(ThreeStreams, ClosedForm):
    """A detector whose network is a frozen description of a capture and a classifier on it."""

    optional = MODALITIES
    network: Described

    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return PadOutput(score=self.network(pixels_of(images), weight))

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
            found: NDArray[np.float32] = (
                self.network.describer(pixels_of(images), present.to(images.dtype)).cpu().numpy()
            )
        return found

    def without(self, description: NDArray[np.float32], absent: Sequence[Modality]) -> NDArray[np.float32]:
        """NaN in every block that needs an absent sensor."""
        if not absent:
            return description
        hidden = np.array(description, dtype=np.float32)
        describer = self.network.describer
        ends = np.cumsum(describer.widths)
        for needs, width, end in zip(describer.needs, describer.widths, ends, strict=True):
            if set(needs) & set(absent):
                hidden[:, end - width : end] = np.nan
        return hidden

    def decide(self, description: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of descriptions."""
        with torch.inference_mode():
            scores: NDArray[np.float64] = self.network.head(torch.from_numpy(description)).double().numpy()
        return scores
