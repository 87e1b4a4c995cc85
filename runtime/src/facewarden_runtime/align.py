"""The aligned crop of a face: five points on the ArcFace template, as `facewarden.align` cuts it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 112
"""Side of the crop in pixels."""

_TEMPLATE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
                      (70.7299, 92.2041)])  # fmt: skip

Points = Sequence[tuple[float, float]]


def face_transform(landmarks: Points) -> NDArray[np.float64]:
    """The similarity `(2, 3)` that takes photo pixels to crop pixels, best in the least-squares sense."""
    points = np.array(landmarks, np.float64)
    p, q = points[:, 0] + 1j * points[:, 1], _TEMPLATE[:, 0] + 1j * _TEMPLATE[:, 1]
    turn = np.sum(np.conj(p - p.mean()) * (q - q.mean())) / float(np.sum(np.abs(p - p.mean()) ** 2))
    shift = q.mean() - turn * p.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def reduction(matrix: NDArray[np.float64]) -> int:
    """By how many pixels a photo is averaged before the crop is cut, so that nothing aliases."""
    return int(0.999 / float(np.hypot(matrix[0, 0], matrix[1, 0])))


def align_face(photo: NDArray[np.uint8], landmarks: Points) -> NDArray[np.uint8]:
    """Cut out a face so that its five points lie on the template; black where it leaves the photo.

    Args:
        photo: `(h, w, 3)` RGB.
        landmarks: as `Face.landmarks`.

    Returns:
        `(112, 112, 3)`.
    """
    import cv2

    matrix, image = face_transform(landmarks), np.ascontiguousarray(photo)
    factor = reduction(matrix)
    if factor >= 2:
        height, width = image.shape[:2]
        small = cv2.resize(image, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
        across, down = width / small.shape[1], height / small.shape[0]
        matrix = matrix @ np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
        image = np.asarray(small, np.uint8)
    crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(crop, dtype=np.uint8)
