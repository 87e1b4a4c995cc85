"""Objectives with an adversary that tells the training domains apart, against which the features are turned slowly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from facewarden.nn.multimodal.reversal import rising_strength
from facewarden.training.objectives.parts.base import TrainingObjective


@runtime_checkable
class Reversing(Protocol):
    """A network whose adversary's gradient is reversed with a strength that whoever trains it sets."""

    reversal: float
    training: bool


class AgainstDomains(TrainingObjective):
    """Keeps the sources and how far the training is, by which the strength of the reversal rises from 0 to 1.

    Args:
        sources: names of the training domains, by default those of the training data.
    """

    def __init__(self, *, sources: Sequence[str] = ()) -> None:
        self.sources = tuple(sources)
        self.steps, self.taken = 1, 0

    def begin(self, *, domains: Sequence[str], steps: int) -> None:
        """Take all training domains as the sources, unless they were named, and the length of the training."""
        self.sources, self.steps, self.taken = self.sources or tuple(domains), steps, 0

    def rise(self, network: Reversing) -> None:
        """Set the strength of this step; only steps of the training count."""
        network.reversal = rising_strength(self.taken, steps=self.steps)
        self.taken += network.training

    def state_dict(self) -> dict[str, Any]:
        """How far the training is."""
        return {"sources": self.sources, "taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.sources, self.taken = tuple(state["sources"]), int(state["taken"])
