"""Throw-away purifier: half of the contrast, as an example of the smallest file that works."""

from __future__ import annotations

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.roles import Purifier


class ThrowAway(Purifier):
    """Moves every value a little towards gray; it has no weights."""

    card = Card(
        name="throw_away",
        summary="Moves every value a little towards gray.",
        role="purifier",
        licence="Apache-2.0",
        source="written here, no weights",
        training_data="none",
        intended_use="The test of CONTRIBUTING.",
        limits="Removes no cloak.",
    )
    differentiable = True

    def purify(self, images: Tensor) -> Tensor:
        """Return the images with less contrast."""
        return images * 0.98 + 0.01


entry = ThrowAway
