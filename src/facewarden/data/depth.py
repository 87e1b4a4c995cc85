"""Depth images: 16-bit PNGs in millimeters on disk, a band of 300 mm around the face in a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.data.photo import is_colored, read_photo, upright
from facewarden.data.picture import open_picture
from facewarden.data.sample import Box
from facewarden.data.text import printable

BAND = 300.0
"""Millimeters that the encoding spans: 150 before and 150 behind the face."""
NEAREST, FARTHEST = 100.0, 5000.0
"""Millimeters between which a face is that a sensor of depth captured."""


def read_depth(path: Path, *, unit: float = 1.0) -> NDArray[np.uint16]:
    """Read a depth image, upright.

    Args:
        path: a single-channel 16-bit PNG.
        unit: millimeters that one stored value stands for.

    Returns:
        `(h, w)` uint16 millimeters, 0 = hole.

    Raises:
        BadInputError: missing, damaged, or not a 16-bit gray PNG (an 8-bit picture of depth has no millimeters).
    """
    name, wanted = printable(path), "depth is a 16-bit gray PNG in millimeters, 0 = hole"
    try:
        if not path.is_file():
            raise BadInputError(f"{name}: does not exist or is not a file", hint="facewarden data check")
        if path.stat().st_size == 0:
            raise BadInputError(f"{name}: is empty (0 bytes)", hint="replace the file")
        with open_picture(path, formats=("PNG",)) as image:
            if not image.mode.startswith("I"):
                raise BadInputError(f"{name}: is a picture of mode {image.mode}", hint=wanted)
            stored = np.asarray(upright(image)).astype(np.uint16)
    except BadInputError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any type on damaged data
        raise BadInputError(f"{name}: cannot be read as depth: {error}", hint=wanted) from error
    if unit == 1.0:
        return stored
    millimeters = np.clip(np.round(stored.astype(np.float64) * unit), 1, np.iinfo(np.uint16).max)
    return np.where(stored > 0, millimeters, 0).astype(np.uint16)


def read_depth_picture(path: Path) -> NDArray[np.uint8]:
    """Read depth that a set published as an 8-bit picture, whose gray values have no unit.

    Args:
        path: a picture, gray or of three equal channels.

    Returns:
        `(h, w)` uint8, as in the file.

    Raises:
        BadInputError: missing, damaged, of 16 bits (that is measured depth and has another encoding), or colored (a
            color image that stands where depth should be).
    """
    name = printable(path)
    notes: list[str] = []
    image = read_photo(path, on_note=notes.append)
    if any("16-bit" in note for note in notes):
        raise BadInputError(
            f"{name}: holds 16-bit depth, an 8-bit picture is expected here",
            hint="millimeters, 0 = hole, go into a manifest whose depth_encoding is millimeters",
        )
    if is_colored(image):
        raise BadInputError(
            f"{name}: is a color picture, not depth", hint="check which folder or column holds the depth"
        )
    return np.asarray(image.mean(axis=2, dtype=np.float32).round(), dtype=np.uint8)


def write_depth(path: Path, depth: NDArray[np.uint16]) -> None:
    """Write `(h, w)` uint16 millimeters as a 16-bit PNG."""
    with writing(path) as temporary:
        Image.fromarray(np.ascontiguousarray(depth)).save(temporary, format="PNG")


def encode_depth(depth: NDArray[np.uint16], *, box: Box | None = None) -> NDArray[np.float32]:
    """Encode millimeters for a `FaceBatch`: `clip(0.5 + (z_face - z) / 300, 0, 1)`, so that nearer is brighter.

    Args:
        depth: `(h, w)` millimeters, 0 = hole.
        box: face box x0 y0 x1 y1 in pixels; z_face is the median of the valid depth inside it, of the whole frame
            where there is no box or nothing but holes inside it.

    Returns:
        `(h, w)` in [0, 1]; holes are 0.
    """
    valid, face = depth > 0, face_distance(depth, box=box)
    if face is None:
        return np.zeros(depth.shape, dtype=np.float32)
    encoded = np.clip(0.5 + (np.float32(face) - depth.astype(np.float32)) / BAND, 0.0, 1.0)
    return np.where(valid, encoded, 0.0).astype(np.float32)


def face_distance(depth: NDArray[np.uint16], *, box: Box | None = None) -> float | None:
    """The median of the valid depth inside the face box, of the whole frame where that holds nothing but holes.

    Args:
        depth: `(h, w)` millimeters, 0 = hole.
        box: face box x0 y0 x1 y1 in pixels; None takes the whole frame.

    Returns:
        Millimeters; None for a frame of nothing but holes.
    """
    inside = _inside(depth, box)
    values = inside[inside > 0]
    if not values.size:
        values = depth[depth > 0]
    return float(np.median(values.astype(np.float32))) if values.size else None


def face_relief(depth: NDArray[np.uint16], *, box: Box | None = None) -> float | None:
    """How deep the middle half of the face box is: millimeters between the 10th and the 90th percentile of it.

    Args:
        depth: `(h, w)` millimeters, 0 = hole.
        box: face box x0 y0 x1 y1 in pixels.

    Returns:
        Millimeters; None without a box or without values there.
    """
    if box is None:
        return None
    quarter = ((box[2] - box[0]) / 4, (box[3] - box[1]) / 4)
    middle = (box[0] + quarter[0], box[1] + quarter[1], box[2] - quarter[0], box[3] - quarter[1])
    inside = _inside(depth, middle)
    values = inside[inside > 0]
    return float(np.subtract(*np.percentile(values, (90, 10)))) if values.size else None


def _inside(depth: NDArray[np.uint16], box: Box | None) -> NDArray[np.uint16]:
    if box is None:
        return depth
    height, width = depth.shape
    x0, y0 = (int(np.clip(np.floor(v), 0, side)) for v, side in zip(box[:2], (width, height), strict=True))
    x1, y1 = (int(np.clip(np.ceil(v), 0, side)) for v, side in zip(box[2:], (width, height), strict=True))
    return depth[y0:y1, x0:x1]
