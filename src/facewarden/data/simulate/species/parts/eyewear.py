"""Outlines of spectacles around two eyes, in whatever frame the landmarks are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.view import F32


def spectacles(rng: np.random.Generator, landmarks: NDArray[np.floating], *, size: int) -> tuple[F32, F32]:
    """Soft masks of frame and lenses, `(h, w)` each, drawn anew.

    Args:
        rng: draws size, roundness and rim.
        landmarks: `(5, 2)` pixels, eyes first.
        size: pixels of a side.
    """
    eyes = landmarks[1] - landmarks[0]
    unit = float(np.linalg.norm(eyes)) + 1e-6
    c, s = np.float32(eyes[0] / unit), np.float32(eyes[1] / unit)
    middle = (landmarks[0] + landmarks[1]) / 2
    line = np.arange(size, dtype=np.float32)
    x, y = line[None, :] - np.float32(middle[0]), line[:, None] - np.float32(middle[1])
    u, v = (x * c + y * s) / np.float32(unit), (-x * s + y * c) / np.float32(unit)
    half = float(rng.uniform(0.36, 0.43))
    high = half * float(rng.uniform(0.62, 0.95))
    center = max(0.5, half + 0.1)
    power = float(rng.uniform(2.1, 4.5))
    rim = float(rng.uniform(0.02, 0.07))
    au = np.abs(u)
    down = v - np.float32(0.04)
    radius = (np.abs((au - center) / half) ** power + np.abs(down / high) ** power) ** np.float32(1 / power)
    edge = (radius - 1) * np.float32(min(half, high) * unit)  # pixels outside the lens
    lens = np.clip(0.5 - edge, 0, 1)
    thick = max(rim * unit, 0.8)
    frame = np.clip(thick / 2 + 0.5 - np.abs(edge), 0, 1)
    bridge = np.clip(thick / 2 + 0.5 - np.abs((v + 0.1 * high / half) * unit), 0, 1) * (au < center - half + 0.03)
    temple = np.clip(thick / 2 + 0.5 - np.abs((v + 0.3 * high) * unit), 0, 1)
    temple = temple * (au > center + half) * (au < center + half + 0.2)
    frame = np.maximum(np.maximum(frame, bridge), temple)
    return np.asarray(frame, np.float32), np.asarray(lens * (1 - frame), np.float32)
