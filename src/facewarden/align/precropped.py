"""Uses a picture that is an aligned crop already: the whole square, five landmarks on the template."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden.align.parts.template import arcface_template
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, FaceLocation


class Precropped(Aligner):
    """For sets that are aligned to the ArcFace template already; any size, but square."""

    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        """Return the whole picture as the one face.

        Raises:
            BadInputError: the picture is not square, so it cannot be an aligned crop.
        """
        height, width = image.shape[:2]
        if height != width:
            raise BadInputError(
                f"a picture of {width} x {height} is no aligned crop, which is square", hint="use the aligner yunet"
            )
        # Scaling about pixel centers, so that 112 -> 112 is the identity and 224 -> 112 averages pairs.
        points = (arcface_template() + 0.5) * (width / 112) - 0.5
        return (FaceLocation((0.0, 0.0, float(width), float(height)), tuple((float(x), float(y)) for x, y in points)),)


entry = Precropped
