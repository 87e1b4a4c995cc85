"""The role of a detector that can be trained: it makes itself untrained, crops for itself and reads itself back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import Detector

_Made = TypeVar("_Made", bound="Trainable")


class Trainable(Detector):
    """A detector with one `network` to train; what trains, scores and stores detectors relies on nothing else.

    Attributes:
        settings: what builds it again, as JSON values; holds at least `size` and `scale`.
        network: the module whose tensors are the artifact's weights.
    """

    settings: Mapping[str, Any]
    network: nn.Module

    @classmethod
    @abstractmethod
    def untrained(cls: type[_Made], settings: Mapping[str, Any] | None = None, *, seed: int) -> _Made:
        """Return one that is ready to learn.

        Args:
            settings: overrides of the default settings.
            seed: decides the weights that are fresh.

        Raises:
            BadInputError: unknown settings, or values that make no sense.
        """

    @classmethod
    @abstractmethod
    def from_artifact(cls: type[_Made], folder: Path) -> _Made:
        """Read a trained one from the folder that `facewarden train` wrote.

        Raises:
            BadInputError: no artifact, or one of another network.
        """

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> str | None:
        """Return which weights an untrained one of these settings starts from; None where all of them are fresh.

        Args:
            settings: overrides of the default settings.

        Raises:
            BadInputError: wrong settings, or weights that are not there.
        """
        return None

    @abstractmethod
    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """Return the detector's view of frames with boxes, as a batch of crops without boxes.

        Args:
            batch: frames with boxes, or crops, which are only brought to the size.
            size: side of the view in pixels.
            scale: factor on the face box.
        """

    @property
    def view_size(self) -> int:
        """Side of the detector's own view in pixels."""
        return int(self.settings["size"])

    @property
    def view_scale(self) -> float:
        """Factor on the face box that gives the detector's own view."""
        return float(self.settings["scale"])

    def parameter_groups(self, *, decay: float) -> list[dict[str, Any]]:
        """Return the learning parameters in two groups for an optimizer, see `decay_groups`.

        Args:
            decay: weight decay of matrices and filters.
        """
        return decay_groups(self.parameters(), decay=decay)


def decay_groups(parameters: Iterable[nn.Parameter], *, decay: float) -> list[dict[str, Any]]:
    """Group parameters so that decay shrinks matrices and filters; biases and normalization gains are left alone.

    Args:
        parameters: those that require no gradient are left out.
        decay: weight decay of the first group.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.ndim > 1]
    vectors = [parameter for parameter in learning if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
