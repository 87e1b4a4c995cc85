"""Bit depth: rounds every value to a few levels, which removes changes smaller than a level."""

from __future__ import annotations

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier


class BitDepth(Purifier):
    """Rounds to the nearest of 2^bits evenly spaced levels, black and white among them.

    Args:
        bits: 1 to 8.

    Raises:
        BadInputError: another number of bits.

    Source: Xu, Evans, Qi, "Feature Squeezing", NDSS 2018, section III.A.
    """

    def __init__(self, *, bits: int = 4) -> None:
        if not 1 <= bits <= 8:
            raise BadInputError(f"bits must be 1 to 8, got {bits}", hint="bits=4")
        self.bits = bits
        self.card = Card(
            name="bit_depth",
            summary="Rounds every value to a few levels.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Bands smooth skin; gives no gradient; a change larger than half a level passes.",
            settings={"bits": bits},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the images in fewer levels."""
        steps = float(2**self.bits - 1)
        # half upwards, the same at every level; torch rounds half to even
        levels: Tensor = (images.detach() * steps + 0.5).floor()
        return levels / steps


entry = BitDepth
