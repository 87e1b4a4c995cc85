"""Soft outline of a person in a photo: a model head's outline, moved by what the colors inside and outside say."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.geometry import signed_distance
from facewarden.data.simulate.person.lattice import Map, Number

_HAIR_MM = 9.0  # hair stands about this far off the model's bare head
_BAND_MM = 42.0  # beyond this distance from the model, color alone is not believed


def soft_outline(picture: Map, *, model: Map, seen: NDArray[np.bool_], chin: Number, mm_per_pixel: Number) -> Map:
    """Coverage of head, hair, neck and shoulders in a photo.

    Log-odds of the model outline (falling with the distance from it) are added to log-odds of color: how much nearer
    a pixel lies to the colors just inside the outline than to those well outside of it. Where the photo shows no
    background, the model decides alone.

    Args:
        picture: `(h, w, 3)` linear RGB.
        model: `(h, w)` coverage of the fitted model head.
        seen: `(h, w)` pixels that the photo reaches.
        chin: row below which shoulders, not hair, border on the background.
        mm_per_pixel: scale.
    """
    distance = signed_distance(model > 0.5, mm=mm_per_pixel)
    rows = np.arange(picture.shape[0], dtype=np.float32)[:, None]
    extra = np.where(rows < chin, np.float32(_HAIR_MM), np.float32(2.0))
    odds = np.clip((distance + extra) / 7.0, -5, 5)
    outside = seen & (distance < -_BAND_MM)
    inside = seen & (distance > 4.0)
    if outside.sum() >= 100 and inside.sum() >= 100:
        color = np.sqrt(np.clip(picture, 0, 1))
        far = _strangeness(color, outside, reach=60.0 / mm_per_pixel)
        near = _strangeness(color, inside, reach=14.0 / mm_per_pixel)
        odds = odds + 1.3 * np.clip(far - near, -2.5, 2.5) * (np.abs(distance) < _BAND_MM)
    odds = cv2.GaussianBlur(odds.astype(np.float32), (0, 0), max(0.8, 1.2 / mm_per_pixel))
    return np.asarray(1 / (1 + np.exp(-2.2 * odds)), np.float32)


def _strangeness(color: Map, where: NDArray[np.bool_], *, reach: Number) -> Map:
    """Distance of every pixel from the local mean color of the pixels in `where`, in their own spread."""
    weight = where.astype(np.float32)
    small = 0.25
    stack = np.concatenate([color * weight[..., None], weight[..., None]], axis=2)
    low = cv2.resize(stack, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
    low = cv2.GaussianBlur(low, (0, 0), reach * small, borderType=cv2.BORDER_REPLICATE)
    overall = stack.sum(axis=(0, 1))
    low = low + 1e-4 * overall / overall[3]
    mean = cv2.resize(low, color.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    gap = np.linalg.norm(color - mean[..., :3] / mean[..., 3:], axis=2)
    return np.asarray(gap / (gap[where].mean() + 0.03), np.float32)
