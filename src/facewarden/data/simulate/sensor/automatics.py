"""What cameras do by themselves on every capture: exposure, white balance and the gain of the infrared picture.

All of them bring a measured mean to a value of the site. So the mean color and the mean infrared of a picture say
less about what stands before the camera than in version 1; how much is left: `benchmarks/capture_cues.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.scene.view import F32

DRIFT = 0.025
"""Standard deviation of the logarithm of white balance's gains from capture to capture: no estimate is exact."""
VIVIDNESS = (0.8, 1.2)
"""Range of the factor on the site's saturation of color, which cameras choose by the scene."""
_MOST = 8.0
"""Factor by which the infrared camera changes its gain at most, up or down."""


@dataclass(frozen=True)
class Automatics:
    """Automatic control of a site's cameras.

    Attributes:
        metering: whether the cameras measure the "face" or the "center" of the frame.
        balance: share of the difference between the picture's mean color and the site's own gray that white balance
            takes away, on a logarithmic scale.
        infrared: mean linear level, in [0, 1], that the infrared camera aims at where it measures.
    """

    metering: Literal["face", "center"]
    balance: float
    infrared: float


def metered(image: F32, *, box: F32, metering: Literal["face", "center"]) -> float:
    """Mean level of the part of a picture that the camera measures.

    Args:
        image: `(h, w)` linear.
        box: `(4,)` pixels of the face.
        metering: "face" takes the inside of the box, "center" the middle half of the frame.
    """
    size = image.shape[0]
    if metering == "center":
        part = image[size // 4 : size - size // 4, size // 4 : size - size // 4]
    else:
        # the corners of a box are not the face
        inset = 0.1 * (box[2:] - box[:2])
        x0, y0 = (int(value) for value in np.clip(box[:2] + inset, 0, size - 1))
        x1, y1 = (int(value) for value in np.clip(box[2:] - inset, 1, size))
        part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    # what is saturated anyway does not pull the exposure down further
    return float(np.minimum(part, 8 * float(np.median(part)) + 1e-4).mean())


def gray_world(image: F32, *, balance: float) -> F32:
    """Gains `(3,)` that bring a picture's mean color to gray and leave its luminance.

    Args:
        image: `(h, w, 3)` linear, exposed.
        balance: share that is taken away.
    """
    mean = np.array(cv2.mean(np.clip(image, 0, 1))[:3], np.float32) + np.float32(1e-4)
    gains = (float(mean @ LUMA) / mean) ** np.float32(balance)
    return np.asarray(gains / (float((mean * gains) @ LUMA) / float(mean @ LUMA)), np.float32)


def infrared_gain(image: F32, automatics: Automatics, *, box: F32) -> float:
    """Factor on an infrared picture, so that what is measured comes to the site's level.

    Args:
        image: `(h, w)` linear, at the sensor's nominal exposure.
        automatics: of the site.
        box: `(4,)` pixels of the face.
    """
    level = metered(np.minimum(image, 4.0), box=box, metering=automatics.metering)
    return float(np.clip(automatics.infrared / max(level, 1e-4), 1 / _MOST, _MOST))


def infrared_crop(image: NDArray[np.uint8], *, zoom: float, shift: tuple[float, float]) -> NDArray[np.uint8]:
    """An infrared picture in a crop of its own: enlarged about the middle of the frame, and moved.

    Args:
        image: `(h, w)` uint8.
        zoom: factor, 1 leaves the size.
        shift: to the right and down, as shares of the frame.
    """
    if zoom == 1 and shift == (0.0, 0.0):
        return image
    size = image.shape[0]
    middle = (size - 1) / 2
    across, down = (middle * (1 - zoom) + size * move for move in shift)
    matrix = np.array([[zoom, 0, across], [0, zoom, down]], np.float32)
    moved = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
