"""Throw-away detector: the brightness of the frame, as an example of the smallest file that works."""

from __future__ import annotations

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.roles import Detector, PadOutput


class ThrowAway(Detector):
    """Calls bright frames bona fide; it has no weights."""

    card = Card(
        name="throw_away",
        summary="Calls bright frames bona fide.",
        role="pad",
        licence="Apache-2.0",
        source="written here, no weights",
        training_data="none",
        intended_use="The test of CONTRIBUTING.",
        limits="Detects nothing.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Return the mean brightness as the score."""
        return PadOutput(score=batch.images["rgb"].mean(dim=(1, 2, 3)) * 4.0 - 2.0)


entry = ThrowAway
