"""Similarity of a photo and its changed copy, computed in strips to bound memory."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray

from facewarden.nn.ssim import dssim, ssim
from facewarden.photos.aligned import to_images

_SAME = 100.0
"""dB, where nothing changed."""
_PIXELS = 400_000
"""Of a strip: comparing takes a gigabyte and more for a million pixels."""
_WINDOW = 11
_FEW = 4096
"""Windows up to which a comparison is computed in double precision: single would lose what a few pixels change."""


def likeness(
    before: UInt8[np.ndarray, "h w 3"], after: UInt8[np.ndarray, "h w 3"], *, strip: int | None = None
) -> tuple[float, float]:
    """Compare two photos of one size.

    Strips that did not change are not computed: there, the similarity is 1. A photo with a side below the window of 11
    pixels is compared in the largest odd window that fits.

    Args:
        before, after: pixels.
        strip: windows above each other that are computed at a time; by the width when left out.

    Returns:
        PSNR in dB, at most 100, and SSIM.

    Source: as `facewarden.nn.ssim`.
    """
    height, width = before.shape[:2]
    with torch.no_grad():
        if min(height, width) < _WINDOW:
            alike = 1 - 2 * float(dssim(to_images(before[None]), to_images(after[None])))
            return _psnr(_squares(before, after), before.size), alike
        windows, across = height - _WINDOW + 1, width - _WINDOW + 1
        step = strip or max(1, _PIXELS // width)
        lost, errors = 0.0, 0.0
        for start in range(0, windows, step):
            count = min(step, windows - start)
            rows = slice(start, start + count + _WINDOW - 1)
            own = slice(start, start + count if start + count < windows else height)  # each row's error counts once
            changed = (before[rows] != after[rows]).any(axis=2)
            if not changed.any():
                continue
            errors += _squares(before[own], after[own])
            # windows that see no change are equal, so only those around what changed are computed
            down, right = (_windows_of(changed.any(axis=axis)) for axis in (1, 0))
            part = (
                slice(start + down.start, start + down.stop + _WINDOW - 1),
                slice(right.start, right.stop + _WINDOW - 1),
            )
            seen = (down.stop - down.start) * (right.stop - right.start)
            both = (to_images(picture[part][None]) for picture in (before, after))
            lost += seen * (1 - float(ssim(*(one.double() if seen <= _FEW else one for one in both))))
    return _psnr(errors, before.size), min(1.0, 1 - lost / (windows * across))


def _windows_of(changed: NDArray[np.bool_]) -> slice:
    """The windows along a line that see a changed place."""
    places = np.flatnonzero(changed)
    return slice(max(0, int(places[0]) - _WINDOW + 1), min(len(changed) - _WINDOW, int(places[-1])) + 1)


def _squares(before: UInt8[np.ndarray, "h w 3"], after: UInt8[np.ndarray, "h w 3"]) -> float:
    return float(np.square(before.astype(np.int32) - after).sum(dtype=np.int64))


def _psnr(squares: float, count: int) -> float:
    return _SAME if squares == 0 else min(_SAME, 10 * math.log10(255**2 * count / squares))
