"""Throw-away face finder: the middle of the photo, as an example of the smallest file that works."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden.core.roles import Aligner, FaceLocation


class ThrowAway(Aligner):
    """Says that one face is in the middle of every photo."""

    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        """Return the middle of the photo as the one face."""
        height, width = image.shape[:2]
        shares = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.6), (0.58, 0.6))
        box = (0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height)
        return (FaceLocation(box, tuple((x * width, y * height) for x, y in shares)),)


entry = ThrowAway
