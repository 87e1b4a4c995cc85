"""Throw-away recognizer: pooled pixels, as an example of the smallest file that works."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d

from facewarden.core.card import Card
from facewarden.core.roles import Recognizer


class ThrowAway(Recognizer):
    """Compares faces by pixels of an eighth of the size; it has no weights."""

    card = Card(
        name="throw_away",
        summary="Compares faces by pooled pixels.",
        role="recognizer",
        licence="Apache-2.0",
        source="written here, no weights",
        training_data="none",
        intended_use="The test of CONTRIBUTING.",
        limits="Recognizes nobody.",
    )
    dim = 3 * 14 * 14

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled pixels, one vector per face."""
        return avg_pool2d(images, 8).flatten(1) - 0.49


entry = ThrowAway
