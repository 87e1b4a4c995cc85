"""Cut the aligned crop out of a photo."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from facewarden.align.parts.similarity import fit_similarity
from facewarden.align.parts.template import CROP_SIZE, arcface_template
from facewarden.core.errors import BadInputError

Points = Sequence[tuple[float, float]]


def align_face(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Points, *, size: int = CROP_SIZE
) -> UInt8[np.ndarray, "size size 3"]:
    """Cut out a face so that its five points lie on the ArcFace template.

    Args:
        image: `(h, w, 3)` uint8 photo.
        landmarks: five (x, y) in pixels, as seen: left eye, right eye, nose tip, left and right mouth corner.
        size: side of the crop; recognizers take 112.

    Returns:
        `(size, size, 3)` uint8 crop, black where it leaves the photo.

    Raises:
        BadInputError: not five finite points, or all on one spot.
    """
    matrix = face_transform(landmarks, size=size)
    # A bilinear warp looks at four pixels: beyond a reduction by two it would skip rows and alias.
    factor = int(0.999 / float(np.hypot(matrix[0, 0], matrix[1, 0])))
    if factor >= 2:
        image, matrix = _reduce(image, matrix, factor)
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(crop, dtype=np.uint8)


def face_transform(landmarks: Points, *, size: int = CROP_SIZE) -> NDArray[np.float64]:
    """Return the `(2, 3)` matrix that takes photo pixels to crop pixels; see `align_face`."""
    points = np.array([tuple(point) for point in landmarks], dtype=np.float64)
    if points.shape != (5, 2):
        raise BadInputError(f"alignment takes five (x, y) landmarks, got shape {points.shape}", hint="give five points")
    return fit_similarity(points, arcface_template(size))


def _reduce(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    scale_x, scale_y = width / small.shape[1], height / small.shape[0]
    # Pixel centers: x = scale (x' + 1/2) - 1/2.
    back = np.array([[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5], [0, 0, 1]])
    return np.asarray(small, dtype=np.uint8), matrix @ back
