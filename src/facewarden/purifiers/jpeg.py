"""JPEG: compresses and decompresses every image, which drops fine noise together with fine detail."""

from __future__ import annotations

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.parts.jpeg_round_trip import as_jpeg


class Jpeg(Purifier):
    """A round trip through 8-bit JPEG by libjpeg, image by image, with 4:2:0 chroma subsampling.

    Args:
        quality: 1 (worst) to 95 (best); libjpeg's scale.

    Raises:
        BadInputError: a quality outside that range.

    Source: Dziugaite et al., A Study of the Effect of JPG Compression on Adversarial Images (2016).
    """

    def __init__(self, *, quality: int = 75) -> None:
        if not 1 <= quality <= 95:
            raise BadInputError(f"JPEG quality must be 1 to 95, got {quality}", hint="quality=75")
        self.quality = quality
        self.card = Card(
            name="jpeg",
            summary="Compresses and decompresses every image with JPEG.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden over Pillow, no weights",
            training_data="none",
            intended_use="A classical baseline that a learned purifier must beat.",
            limits="Rounds to 8 bits; gives no gradient; an attacker who expects it can cloak through it.",
            settings={"quality": quality},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the images as a JPEG reader sees them."""
        return as_jpeg(images, quality=self.quality)


entry = Jpeg
