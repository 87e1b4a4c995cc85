"""Throw-away objective: squared error of the score, as an example of the smallest file that works."""

from __future__ import annotations

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective


class ThrowAway(TrainingObjective):
    """Mean squared distance of the score from +1 (bona fide) and -1 (attack)."""

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Return the loss of a labeled batch."""
        assert batch.label is not None
        return Loss((model(batch).score - (2.0 * batch.label - 1.0)).square().mean())


entry = ThrowAway
