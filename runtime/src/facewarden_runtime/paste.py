"""Put a change of the aligned crop back into the photo by bounded least squares through the alignment.

Beck, Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", SIAM J. Imaging Sciences 2(1), 2009.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.align import SIDE, Points, face_transform, reduction

_STEPS = 60
Floats = NDArray[np.float32]


class Sampling:
    """The linear map from the part of a photo that an aligned crop reads to the crop, and its adjoint.

    Args:
        shape: height and width of the photo.
        landmarks: of the face.
    """

    def __init__(self, shape: tuple[int, int], landmarks: Points) -> None:
        matrix = face_transform(landmarks)
        factor = max(1, reduction(matrix))
        small = (max(1, shape[0] // factor), max(1, shape[1] // factor)) if factor >= 2 else shape
        scale = (shape[0] / small[0], shape[1] / small[1])
        v, u = np.mgrid[:SIDE, :SIDE].reshape(2, -1)
        x, y = np.linalg.inv(matrix[:, :2]) @ (np.stack([u, v]) - matrix[:, 2:])
        x, y = (x + 0.5) / scale[1] - 0.5, (y + 0.5) / scale[0] - 0.5
        taps = [(np.floor(y) + j, np.floor(x) + i) for j in (0, 1) for i in (0, 1)]
        inside = [(r >= 0) & (r < small[0]) & (c >= 0) & (c < small[1]) for r, c in taps]
        rows = np.concatenate([r[ok] for (r, _), ok in zip(taps, inside, strict=True)])
        columns = np.concatenate([c[ok] for (_, c), ok in zip(taps, inside, strict=True)])
        low = [int(part.min()) if len(part) else 0 for part in (rows, columns)]
        high = [int(part.max()) + 1 if len(part) else 1 for part in (rows, columns)]
        self.grid = (high[0] - low[0], high[1] - low[1])
        self.places, self.weights = [], []
        for (r, c), ok in zip(taps, inside, strict=True):
            self.places.append(np.where(ok, (r - low[0]) * self.grid[1] + (c - low[1]), 0).astype(np.int64))
            self.weights.append(np.where(ok, (1 - np.abs(y - r)) * (1 - np.abs(x - c)), 0.0))
        self.down, self.rows = _area(low[0], high[0], scale=scale[0], size=shape[0], whole=factor < 2)
        self.across, self.columns = _area(low[1], high[1], scale=scale[1], size=shape[1], whole=factor < 2)

    def forward(self, part: Floats) -> Floats:
        """Values `(h, w, c)` of the part as the crop `(112, 112, c)`."""
        grid = part
        if self.down is not None and self.across is not None:
            grid = np.einsum("ij,jkc,lk->ilc", self.down, part, self.across, optimize=True)
        flat = grid.reshape(-1, part.shape[2])
        crop = sum(flat[place] * weight[:, None] for place, weight in zip(self.places, self.weights, strict=True))
        return np.asarray(crop, np.float32).reshape(SIDE, SIDE, -1)

    def adjoint(self, crop: Floats) -> Floats:
        """Spread `(112, 112, c)` over the part."""
        flat, count = crop.reshape(SIDE * SIDE, -1).astype(np.float64), self.grid[0] * self.grid[1]
        spread = np.zeros((count, flat.shape[1]))
        for place, weight in zip(self.places, self.weights, strict=True):
            for channel in range(flat.shape[1]):
                spread[:, channel] += np.bincount(place, weights=flat[:, channel] * weight, minlength=count)
        grid = spread.astype(np.float32).reshape(*self.grid, -1)
        if self.down is None or self.across is None:
            return grid
        return np.asarray(np.einsum("ij,ilc,lk->jkc", self.down, grid, self.across, optimize=True), np.float32)


def paste_change(
    photo: NDArray[np.uint8], change: NDArray[np.float64], landmarks: Points, *, limit: float,
    original: NDArray[np.uint8],
) -> NDArray[np.uint8]:  # fmt: skip
    """Change a photo within a bound so that its aligned crop changes as asked, as nearly as possible.

    Args:
        photo: `(h, w, 3)`; it is not written into.
        change: `(112, 112, 3)` in units of [0, 1].
        landmarks: of the face.
        limit: largest change of a value, from `original` on.
        original: the photo before any change.
    """
    sampling = Sampling((photo.shape[0], photo.shape[1]), landmarks)
    where = (sampling.rows, sampling.columns)
    now, base = (pixels[where].astype(np.float32) / np.float32(255) for pixels in (photo, original))
    wanted = change.astype(np.float32)
    touched = sampling.adjoint((np.abs(wanted).max(axis=2, keepdims=True) > 0).astype(np.float32)) > 0
    low = np.where(touched, np.maximum(base - np.float32(limit), 0) - now, np.float32(0))
    high = np.where(touched, np.minimum(base + np.float32(limit), 1) - now, np.float32(0))
    solution = _least_squares(sampling, wanted, low, high)
    result = photo.copy()
    result[where] = np.clip(np.round((now + solution) * 255), 0, 255).astype(np.uint8)
    return result


def _least_squares(sampling: Sampling, wanted: Floats, low: Floats, high: Floats) -> Floats:
    curvature = max(float(sampling.adjoint(np.ones((SIDE, SIDE, 1), np.float32)).max()), 1e-6)
    solution = ahead = np.zeros_like(low)
    pace = 1.0
    for _ in range(_STEPS):
        miss = sampling.forward(ahead) - wanted
        moved = np.clip(ahead - sampling.adjoint(miss) / np.float32(curvature), low, high)
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        solution, ahead, pace = moved, moved + np.float32((pace - 1) / faster) * (moved - solution), faster
    return solution


def _area(low: int, high: int, *, scale: float, size: int, whole: bool) -> tuple[Floats | None, slice]:
    if whole:
        return None, slice(low, high)
    first, last = int(np.floor(low * scale + 1e-9)), min(size, int(np.ceil(high * scale - 1e-9)))
    edges, pixels = np.arange(low, high + 1) * scale, np.arange(first, last)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (overlap.clip(min=0) / scale).astype(np.float32), slice(first, last)
