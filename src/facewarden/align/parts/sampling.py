"""Alignment as a linear map with its adjoint: crop pixels are weighted averages of photo pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align.parts.template import CROP_SIZE
from facewarden.align.parts.warp import face_transform


class Sampling:
    """The map of `align_face` from the part of a photo that it reads to the crop.

    Args:
        shape: height and width of the photo.
        landmarks: as in `align_face`.

    Attributes:
        rows, columns: the part of the photo that the crop depends on.
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
        self._wide = high[1] - low[1]
        self._places = [
            torch.from_numpy(np.where(ok, (r - low[0]) * self._wide + (c - low[1]), 0).astype(np.int64))
            for (r, c), ok in zip(taps, inside, strict=True)
        ]
        self._weights = [
            torch.from_numpy(np.where(ok, w, 0).astype(np.float32))[:, None]
            for w, ok in zip(weights, inside, strict=True)
        ]
        self._down, self.rows = _area(low[0], high[0], scale=scale[0], size=shape[0])
        self._across, self.columns = _area(low[1], high[1], scale=scale[1], size=shape[1])

    def forward(self, part: Tensor) -> Tensor:
        """Map `(h, w, c)` values on the part to the crop `(112, 112, c)`."""
        small = torch.einsum("ij,jkc,lk->ilc", self._down, part, self._across).reshape(-1, part.shape[-1])
        pairs = zip(self._places, self._weights, strict=True)
        crop = sum((small[place] * weight for place, weight in pairs), torch.zeros(1))
        return crop.reshape(CROP_SIZE, CROP_SIZE, -1)

    def adjoint(self, crop: Tensor) -> Tensor:
        """Spread `(112, 112, c)` values over the part, each crop pixel over what it was averaged from."""
        flat = crop.reshape(CROP_SIZE * CROP_SIZE, -1)
        small = torch.zeros(len(self._down) * self._wide, flat.shape[1])
        for place, weight in zip(self._places, self._weights, strict=True):
            small.index_add_(0, place, flat * weight)
        grid = small.reshape(len(self._down), self._wide, -1)
        return torch.einsum("ij,ilc,lk->jkc", self._down, grid, self._across)


def _area(low: int, high: int, *, scale: float, size: int) -> tuple[Tensor, slice]:
    """Matrix that averages photo pixels into the reduced pixels `low` to `high`, and which photo pixels those are."""
    first, last = int(np.floor(low * scale + 1e-9)), min(size, int(np.ceil(high * scale - 1e-9)))
    edges = np.arange(low, high + 1) * scale
    pixels = np.arange(first, last)
    overlap: NDArray[np.float64] = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return torch.from_numpy((overlap.clip(min=0) / scale).astype(np.float32)), slice(first, last)
