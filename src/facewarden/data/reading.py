"""Reads one image of a capture as it is stored, and says whether a face box fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import DepthEncoding, Modality
from facewarden.data.arrays import in_array, read_array_image
from facewarden.data.depth import read_depth, read_depth_picture
from facewarden.data.photo import is_colored, read_photo
from facewarden.data.sample import Box
from facewarden.data.text import printable

Image = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
_LARGEST_BOX = 4
"""Sides of the frame that a face box may be long; more is a box in other units."""
_SMALLEST_BOX = 8.0
"""Pixels that a face box has on each side at least; less shows no face."""
_INSIDE = 0.5
"""Share of a face box that lies inside its frame at least."""


def read_image(
    path: Path,
    modality: Modality,
    *,
    depth_encoding: DepthEncoding = "millimeters",
    depth_unit: float = 1.0,
    infrared_bits: int | None = None,
) -> Image:
    """Read one image as it is stored.

    Args:
        path: a file, or a place inside an array file.
        modality: what it holds.
        depth_encoding: of depth.
        depth_unit: millimeters of one stored value of 16-bit depth.
        infrared_bits: how many bits of 16-bit infrared its sensor fills; None takes all.

    Returns:
        `(h, w, 3)` uint8; for depth `(h, w)` uint16 millimeters or uint8; `(h, w, c)` float32 in [0, 1] from arrays.

    Raises:
        BadInputError: unreadable, or not of this kind, such as a color image that stands where infrared should be.
    """
    if modality == "depth" and not in_array(path):
        return read_depth(path, unit=depth_unit) if depth_encoding == "millimeters" else read_depth_picture(path)
    bits = 16 if modality != "infrared" or infrared_bits is None else infrared_bits
    image = read_array_image(path) if in_array(path) else read_photo(path, bits=bits)
    if modality != "rgb" and is_colored(image):
        raise BadInputError(
            f"{printable(path)}: is a color picture, not {modality}",
            hint=f"check which folder, column or channels hold the {modality}",
        )
    return image


def check_box(box: Box, width: int, height: int, *, key: str) -> None:
    """Refuse a box that cannot be a face in its frame: a detector would score pixels outside it, or nearly nothing.

    Args:
        box: x0 y0 x1 y1 in pixels.
        width, height: of the upright frame.
        key: of the sample, for the message.

    Raises:
        BadInputError: less than half of it lies in the frame, or it is smaller than 8 pixels.
    """
    x0, y0, x1, y1 = box
    within = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
    rounded = tuple(float(f"{value:.4g}") for value in box)
    if within < _INSIDE * (x1 - x0) * (y1 - y0) or max(x1 - x0, y1 - y0) > _LARGEST_BOX * max(width, height):
        raise BadInputError(
            f"sample {key!r}: the face box is not in the frame of {width} x {height}",
            hint=f"x0 y0 x1 y1 in pixels of this frame, upright, not {rounded}",
        )
    if min(x1 - x0, y1 - y0) < _SMALLEST_BOX:
        raise BadInputError(
            f"sample {key!r}: the face box is smaller than {_SMALLEST_BOX:g} pixels",
            hint=f"x0 y0 x1 y1 in pixels, two corners and not a size, not {rounded}",
        )
