"""The few OpenCV operations of the capture side, with one type in and the same type out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def blurred(image: F32, sigma: float) -> F32:
    """Gaussian blur by a standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def resized(image: F32, size: int, how: int = cv2.INTER_LINEAR) -> F32:
    """A square image at another size."""
    return np.asarray(cv2.resize(image, (size, size), interpolation=how), np.float32)


def moved(image: F32, matrix: NDArray[np.floating], *, how: int = cv2.INTER_LINEAR, extend: bool = False) -> F32:
    """A square image under an affine map of its pixels; outside is 0, or with `extend` the nearest edge pixel."""
    size = image.shape[0]
    border = cv2.BORDER_REPLICATE if extend else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=how, borderMode=border), np.float32)


def through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """An 8-bit image after one JPEG compression."""
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
