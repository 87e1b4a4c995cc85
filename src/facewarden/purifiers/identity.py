"""Identity: returns every image unchanged, the control that a purifier must beat."""

from __future__ import annotations

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.roles import Purifier


class Identity(Purifier):
    """Returns images unchanged, bit by bit."""

    differentiable = True

    def __init__(self) -> None:
        self.card = Card(
            name="identity",
            summary="Returns every image as it is.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="The control in every table of purifiers.",
            limits="Removes nothing.",
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the images."""
        return images


entry = Identity
