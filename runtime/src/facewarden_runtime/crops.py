"""Views of a face box, as `facewarden.nn.crop` cuts them: two small matrices of weights an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cut_view(image: NDArray[np.float32], box: Sequence[float] | None, view: Mapping[str, Any]) -> NDArray[np.float32]:
    """One view `(c, s, s)` of a frame.

    Args:
        image: `(c, h, w)` in [0, 1].
        box: x0 y0 x1 y1 in pixels; None for a frame that is the face already.
        view: an entry of `views` on the card.

    Raises:
        ValueError: a box without area, or not finite.
    """
    size, (height, width) = int(view["size"]), image.shape[-2:]
    if box is None and (height, width) == (size, size):
        return image
    if box is None and view["whole"] == "press":
        across, down = _pressed(width, size), _pressed(height, size)
    else:
        scale = 1.0 if box is None else float(view["scale"])
        edges = (0.0, 0.0, width, height) if box is None else box
        place = np.array(edges, np.float32).astype(np.float64)
        across, down = _matrices(place, view, scale=scale, width=width, height=height)
    found = down.astype(np.float32) @ image @ across.astype(np.float32).T
    return np.clip(found, 0.0, 1.0).astype(np.float32)


def _matrices(box: Floats, view: Mapping[str, Any], *, scale: float, width: int, height: int) -> tuple[Floats, Floats]:
    if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
        raise ValueError("a face box is empty or not finite; x0 < x1 and y0 < y1, in pixels of the frame")
    border, size, antialias = view["border"], int(view["size"]), bool(view["antialias"])
    if border == "inside":
        start, length = _inside(box, scale, width, height)
    else:
        sides = (box[2:] - box[:2]) * scale
        length = np.full(2, sides.max()) if border == "zero" else sides
        start = (box[:2] + box[2:]) / 2 - length / 2
    clamp = border == "inside"
    across = _sampling(start[0], length[0], extent=width, size=size, clamp=clamp, antialias=antialias)
    down = _sampling(start[1], length[1], extent=height, size=size, clamp=clamp, antialias=antialias)
    return across, down


def _inside(box: Floats, scale: float, width: int, height: int) -> tuple[Floats, Floats]:
    last = np.array([width - 1, height - 1], np.float64)
    side = box[2:] - box[:2]
    side = side * min(float((last / side).min()), scale)
    low = (box[:2] + box[2:]) / 2 - side / 2
    high = low + side
    high = high - np.minimum(low, 0)
    low = np.maximum(low, 0)
    over = np.maximum(high - last, 0)
    low, high = np.floor(np.maximum(low - over, 0)), np.floor(high - over)
    return low, high - low + 1


def _sampling(start: float, length: float, *, extent: int, size: int, clamp: bool, antialias: bool) -> Floats:
    where = start + (np.arange(size) + 0.5) * (length / size) - 0.5
    reach = max(length / size, 1.0) if antialias else 1.0
    if clamp and not antialias:
        where = np.clip(where, start, start + length - 1)
    pixels = np.arange(extent, dtype=np.float64)
    weight: Floats = np.maximum(1 - np.abs(where[:, None] - pixels) / reach, 0)
    if not antialias:
        return weight
    if clamp:
        weight[:, (pixels < start) | (pixels >= start + length)] = 0
        shares: Floats = weight / weight.sum(axis=1, keepdims=True)
        return shares
    taps = int(np.ceil(reach)) + 1
    around = np.arange(-taps, taps + 1, dtype=np.float64)
    offset = (where - np.floor(where))[:, None] - around
    mass = np.maximum(1 - np.abs(offset) / reach, 0).sum(axis=1, keepdims=True)
    found: Floats = weight / mass
    return found


def _pressed(extent: int, size: int) -> Floats:
    """Bilinear weights without antialiasing; the edge is repeated."""
    where = np.clip((np.arange(size) + 0.5) * (extent / size) - 0.5, 0, extent - 1)
    weight: Floats = np.maximum(1 - np.abs(where[:, None] - np.arange(extent)), 0)
    return weight
