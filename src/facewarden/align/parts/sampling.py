"""Alignment as a linear map with its adjoint: crop pixels are weighted averages of photo pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align.parts.template import CROP_SIZE
from facewarden.align.parts.warp import face_transform


class Sampling:
    """The map of `align_face` from the part of a photo that it reads to the crop.

    It has two steps, as the alignment has: averages over areas, which reduce a large face to a small grid, and a
    bilinear look at four places of that grid for each pixel of the crop.

    Args:
        shape: height and width of the photo.
        landmarks: as in `align_face`.

    Attributes:
        rows, columns: the part of the photo that the crop depends on.
        down, across: sparse matrices that average rows and columns of the part into the small grid; None where the grid
            is the part itself.
        grid: height and width of the small grid.
    """

    def __init__(self, shape: tuple[int, int], landmarks: Sequence[tuple[float, float]]) -> None:
        matrix = face_transform(landmarks)
        factor = max(1, int(0.999 / float(np.hypot(matrix[0, 0], matrix[1, 0]))))
        small = (max(1, shape[0] // factor), max(1, shape[1] // factor)) if factor >= 2 else shape
        scale = (shape[0] / small[0], shape[1] / small[1])
        v, u = np.mgrid[:CROP_SIZE, :CROP_SIZE].reshape(2, -1)
        back = np.linalg.inv(matrix[:, :2])
        x, y = back @ (np.stack([u, v]) - matrix[:, 2:])
        # pixel centers of the photo, then of the reduced photo
        x, y = (x + 0.5) / scale[1] - 0.5, (y + 0.5) / scale[0] - 0.5
        taps = [(np.floor(y) + j, np.floor(x) + i) for j in (0, 1) for i in (0, 1)]
        weights = [(1 - np.abs(y - row)) * (1 - np.abs(x - column)) for row, column in taps]
        inside = [(r >= 0) & (r < small[0]) & (c >= 0) & (c < small[1]) for r, c in taps]
        used = [(r[ok], c[ok]) for (r, c), ok in zip(taps, inside, strict=True)]
        everything = [np.concatenate(parts) for parts in zip(*used, strict=True)]
        low = [int(part.min()) if len(part) else 0 for part in everything]
        high = [int(part.max()) + 1 if len(part) else 1 for part in everything]
        self.grid = (high[0] - low[0], high[1] - low[1])
        # a tap outside of the photo weighs nothing, wherever it is put
        self._places = [
            np.where(ok, (r - low[0]) * self.grid[1] + (c - low[1]), 0).astype(np.int64)
            for (r, c), ok in zip(taps, inside, strict=True)
        ]
        self._weights = [np.where(ok, w, 0.0) for w, ok in zip(weights, inside, strict=True)]
        self.down: Any = None
        self.across: Any = None
        self.rows, self.columns = slice(low[0], high[0]), slice(low[1], high[1])
        if factor >= 2:
            self.down, self.rows = _area(low[0], high[0], scale=scale[0], size=shape[0])
            self.across, self.columns = _area(low[1], high[1], scale=scale[1], size=shape[1])

    def forward(self, part: Tensor) -> Tensor:
        """Map `(h, w, c)` values on the part to the crop `(112, 112, c)`."""
        small = _along_both(self.down, self.across, part.numpy()).reshape(self.grid[0] * self.grid[1], -1)
        pairs = zip(self._places, self._weights, strict=True)
        crop = sum(small[place] * weight[:, None].astype(np.float32) for place, weight in pairs)
        return torch.from_numpy(np.asarray(crop, np.float32)).reshape(CROP_SIZE, CROP_SIZE, -1)

    def adjoint(self, crop: Tensor) -> Tensor:
        """Spread `(112, 112, c)` values over the part, each crop pixel over what it was averaged from."""
        down, across = (None if matrix is None else matrix.T.tocsr() for matrix in (self.down, self.across))
        return torch.from_numpy(_along_both(down, across, self.spread(crop).numpy()))

    def spread(self, crop: Tensor) -> Tensor:
        """Spread `(112, 112, c)` values over the small grid."""
        flat = crop.reshape(CROP_SIZE * CROP_SIZE, -1).double().numpy()
        size = self.grid[0] * self.grid[1]
        small = np.zeros((size, flat.shape[1]))
        for place, weight in zip(self._places, self._weights, strict=True):
            for channel in range(flat.shape[1]):
                small[:, channel] += np.bincount(place, weights=flat[:, channel] * weight, minlength=size)
        return torch.from_numpy(small.astype(np.float32)).reshape(*self.grid, -1)

    def neighbors(self) -> NDArray[np.float64]:
        """The small grid's part of the map followed by its adjoint, `(3, 3, h, w)`.

        Both together take a value of the small grid to itself and its eight neighbors: entry `[i, j, r, c]` is the
        weight of the value at `(r + i - 1, c + j - 1)` in the result at `(r, c)`.
        """
        size = self.grid[0] * self.grid[1]
        found = np.zeros((3, 3, size))
        for one, (here, weight) in enumerate(zip(self._places, self._weights, strict=True)):
            for other, further in enumerate(self._weights):
                row, column = (other >> 1) - (one >> 1) + 1, (other & 1) - (one & 1) + 1
                found[row, column] += np.bincount(here, weights=weight * further, minlength=size)
        return found.reshape(3, 3, *self.grid)


def _along_both(down: Any, across: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply the first axis of `(h, w, c)` values by one sparse matrix and the second by another."""
    if down is not None:
        values = (down @ values.reshape(len(values), -1)).reshape(down.shape[0], *values.shape[1:])
    if across is not None:
        turned = np.ascontiguousarray(values.transpose(1, 0, 2))
        turned = (across @ turned.reshape(len(turned), -1)).reshape(across.shape[0], *turned.shape[1:])
        values = np.ascontiguousarray(turned.transpose(1, 0, 2))
    return np.asarray(values, dtype=np.float32)


def _area(low: int, high: int, *, scale: float, size: int) -> tuple[Any, slice]:
    """Matrix that averages photo pixels into the reduced pixels `low` to `high`, and which photo pixels those are."""
    from scipy.sparse import csr_array  # where it is used: verbs that only look for faces start without it

    first, last = int(np.floor(low * scale + 1e-9)), min(size, int(np.ceil(high * scale - 1e-9)))
    edges = np.arange(low, high + 1) * scale
    pixels = np.arange(first, last)
    overlap: NDArray[np.float64] = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return csr_array((overlap.clip(min=0) / scale).astype(np.float32)), slice(first, last)
