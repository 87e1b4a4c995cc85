"""Depth as published sets deliver it: millimeters become an 8-bit picture, each set in its own way.

What is known of a set stands in the table with its source; what is not is a guess, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.filters import through_jpeg
from facewarden.data.simulate.scene.view import F32

BEHIND = 150.0
"""Millimeters behind and before the face beyond which a cut background begins."""
DEVIATIONS = 3.0
"""Deviations from the median on each side that a picture scaled by them spans."""


@dataclass(frozen=True)
class DepthPicture:
    """How millimeters become gray values.

    Attributes:
        background: "kept", or "cut" away outside of an ellipse around the face and farther than `BEHIND` from it.
        scale: "picture" spans what the picture holds from its 1st to its 99th percentile; "deviations" spans three
            median absolute deviations of the face on each side of its median; "sensor" spans the range in which the
            site expects faces; "ranks" makes every gray value equally frequent (histogram equalization).
        near: whether near is "bright" or "dark".
        holes: "black", "white", or "filled" with the depth around them.
        jpeg: quality of the published file, 0 where it is not compressed.
        source: the set, what was read of it and what is guessed.
    """

    background: Literal["kept", "cut"]
    scale: Literal["picture", "deviations", "sensor", "ranks"]
    near: Literal["bright", "dark"]
    holes: Literal["black", "white", "filled"]
    jpeg: int
    source: str


DEPTH_PICTURES: Mapping[str, DepthPicture] = MappingProxyType({
    "deviations_dark": DepthPicture(
        "kept", "deviations", "dark", "black", 95,
        "read: WMCA (its authors' bob.pad.face normalizes a channel by median and median absolute deviation of the "
        "face without its holes, three on each side; the lists name JPEG files), guessed: the quality of the JPEG",
    ),
    "picture_bright_cut": DepthPicture(
        "cut", "picture", "bright", "black", 95,
        "guessed: CASIA-SURF (read: faces are cut out and stored as JPEG)",
    ),
    "sensor_bright": DepthPicture(
        "kept", "sensor", "bright", "black", 95,
        "guessed: CASIA-SURF CeFA (read: the frame is kept and stored as JPEG)",
    ),
    "sensor_dark_filled": DepthPicture(
        "kept", "sensor", "dark", "filled", 0,
        "guessed: PADISI (read: one channel in [0, 1], stored as an array, 8 bits after its conversion)",
    ),
    "picture_dark_white": DepthPicture("kept", "picture", "dark", "white", 0, "guessed: no set in particular"),
    "deviations_bright_cut": DepthPicture(
        "cut", "deviations", "bright", "filled", 90, "guessed: no set in particular"
    ),
    "ranks_bright": DepthPicture(
        "kept", "ranks", "bright", "black", 0, "guessed: viewers of depth cameras equalize the histogram"
    ),
})  # fmt: skip
"""The encodings by name."""

SEALED_DEPTH_PICTURE = "ranks_bright"
"""Met by sealed sites alone."""


def depth_picture(
    depth: NDArray[np.uint16], how: DepthPicture, *, box: F32, span: tuple[float, float]
) -> NDArray[np.uint8]:
    """Turn measured depth into the picture that a set publishes.

    Args:
        depth: `(h, w)` mm, 0 is a hole.
        how: the encoding.
        box: `(4,)` pixels x0 y0 x1 y1 of the face.
        span: nearest and farthest mm in which the site expects faces.

    Returns:
        `(h, w)` uint8.
    """
    measured = depth > 0
    millimeters = depth.astype(np.float32)
    face = _inside(depth, box)
    known = face[face > 0] if (face > 0).any() else depth[measured]
    middle = float(np.median(known)) if known.size else sum(span) / 2
    shown = measured
    if how.holes == "filled":
        millimeters = _filled(millimeters, measured)
        shown = millimeters > 0
    kept = np.ones(depth.shape, bool)
    if how.background == "cut":
        kept = _ellipse(depth.shape[0], box) & (np.abs(millimeters - np.float32(middle)) < BEHIND)
        kept |= _ellipse(depth.shape[0], box) & ~shown  # a hole in the face is a hole, not background
    share = _scaled(millimeters, shown & kept, how, known=known.astype(np.float32), span=span)
    codes = (share if how.near == "dark" else 1 - share) * np.float32(255) + np.float32(0.5)
    codes = np.where(shown, codes, np.float32(255 if how.holes == "white" else 0))
    codes = np.where(kept, codes, np.float32(255 if how.near == "dark" else 0))
    picture: NDArray[np.uint8] = codes.astype(np.uint8)
    if how.jpeg:
        picture = through_jpeg(np.ascontiguousarray(picture), how.jpeg)[..., 0]
    return picture


def _scaled(
    millimeters: F32, used: NDArray[np.bool_], how: DepthPicture, *, known: F32, span: tuple[float, float]
) -> F32:
    """Depth from 0, nearest, to 1, farthest."""
    values = millimeters[used]
    if not values.size:
        return np.zeros_like(millimeters)
    if how.scale == "ranks":
        levels = np.sort(values)
        return np.asarray(np.searchsorted(levels, millimeters) / np.float32(levels.size), np.float32)
    if how.scale == "sensor":
        low, high = span
    elif how.scale == "picture":
        low, high = (float(value) for value in np.percentile(values, (1, 99)))
    else:
        middle = float(np.median(known))
        deviation = float(np.median(np.abs(known - np.float32(middle))))
        low, high = middle - DEVIATIONS * deviation, middle + DEVIATIONS * deviation
    return np.asarray(np.clip((millimeters - np.float32(low)) / np.float32(max(high - low, 1.0)), 0, 1), np.float32)


def _inside(depth: NDArray[np.uint16], box: F32) -> NDArray[np.uint16]:
    size = depth.shape[0]
    x0, y0 = (int(value) for value in np.clip(box[:2], 0, size - 1))
    x1, y1 = (int(value) for value in np.clip(box[2:], 1, size))
    return depth[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def _ellipse(size: int, box: F32) -> NDArray[np.bool_]:
    """The inside of an ellipse a little larger than the face box."""
    line = np.arange(size, dtype=np.float32)
    x = (line - np.float32(box[0] + box[2]) / 2) / np.float32(max(float(box[2] - box[0]) * 0.56, 1.0))
    y = (line - np.float32(box[1] + box[3]) / 2) / np.float32(max(float(box[3] - box[1]) * 0.56, 1.0))
    return np.asarray(np.square(x)[None, :] + np.square(y)[:, None] < 1)


def _filled(millimeters: F32, measured: NDArray[np.bool_]) -> F32:
    """Holes get the mean of what was measured around them, from the nearest windows that hold anything."""
    weight, filled = measured.astype(np.float32), millimeters.copy()
    size = millimeters.shape[0]
    missing = ~measured
    for window in (max(3, size // 24), max(7, size // 8), max(15, size // 3)):
        if not missing.any():
            break
        side = (window | 1, window | 1)
        amount = cv2.blur(weight, side)
        mean = cv2.blur(millimeters, side) / np.maximum(amount, 1e-6)
        there = missing & (amount > 1e-4)
        filled[there] = mean[there]
        missing &= ~there
    return filled
