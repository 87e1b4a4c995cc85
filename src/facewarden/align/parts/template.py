"""Positions of five facial landmarks in the crops that recognizers are trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CROP_SIZE = 112
"""Side in pixels of the crop that every recognizer here takes."""

_ARCFACE = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


def arcface_template(size: int = CROP_SIZE) -> NDArray[np.float64]:
    """Return the ArcFace five-point template for a square crop.

    Args:
        size: side of the crop in pixels.

    Returns:
        `(5, 2)` x y in pixels, as seen: left eye, right eye, nose tip, left and right mouth corner.

    Source: Deng et al., ArcFace, CVPR 2019; the points are those of its reference alignment for 112x112 crops.
    """
    return np.array(_ARCFACE) * (size / CROP_SIZE)
