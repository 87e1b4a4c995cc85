"""What the training loop asks of a detector beyond scoring: to be made untrained and to crop for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from facewarden.core.batch import FaceBatch


@runtime_checkable
class Trainable(Protocol):
    """A detector with one `network` to train.

    Attributes:
        settings: what builds it again; holds at least `size` (pixels of its view) and `scale` (factor on the face box).
        network: the module whose tensors are the artifact's weights.
    """

    settings: Mapping[str, Any]
    network: nn.Module

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of frames with boxes, as a batch of crops without boxes."""
