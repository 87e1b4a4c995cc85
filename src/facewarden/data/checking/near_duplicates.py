"""A small perceptual hash: pictures that look the same have nearly the same 256 bits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR = 10
"""Bits in which two hashes of one picture may differ.

Measured: JPEG of quality 50, half and double size move at most 10 bits for gray 92x112 faces, less for larger ones; the
closest two different photos are 14 bits apart in ORL, 30 in the London set, 36 in ScrapShots. Of the 10,809 photos of
LFW that are at hand, 7 are this near to another one.
"""

_WORDS = 1 << 22  # compared at a time; bounds the memory, however many pictures there are


def perceptual_hash(image: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash an `(h, w, 3)` picture to four words: which of its 255 lowest cosine frequencies are above their median."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA)
    lowest = np.asarray(cv2.dct(small))[:16, :16].ravel()[1:]  # without the mean, which is brightness
    return np.packbits(np.append(lowest > np.median(lowest), False)).view(np.uint64)


def first_near(
    hashes: NDArray[np.uint64], *, unlike: NDArray[np.int64] | None = None, limit: int = NEAR
) -> list[tuple[int, int]]:
    """Return (earlier, later) for every picture that has an earlier one within the limit; the first one counts.

    Args:
        hashes: `(n, 4)`, one row a picture.
        unlike: `(n,)`; where given, only pairs with different values count.
        limit: bits.
    """
    pairs = []
    at_once = max(1, _WORDS // max(1, hashes.size))
    for start in range(0, len(hashes), at_once):
        rows = hashes[start : start + at_once]
        stop = start + len(rows)
        distance = np.bitwise_count(rows[:, None] ^ hashes[None, :stop]).sum(axis=2, dtype=np.int64)
        near = (distance <= limit) & (np.arange(stop)[None] < np.arange(start, stop)[:, None])
        if unlike is not None:
            near &= unlike[start:stop, None] != unlike[None, :stop]
        for row in np.flatnonzero(near.any(axis=1)):
            pairs.append((int(near[row].argmax()), start + int(row)))
    return pairs
