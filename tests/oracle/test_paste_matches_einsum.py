"""Pasting gives the pixels of the plain solver, which gathers, scatters and multiplies dense matrices every step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from facewarden.align import align_face, arcface_template, face_region, face_transform, paste_change

Points = Sequence[tuple[float, float]]
CROP = 112


class PlainSampling:
    """The map of the alignment by four gathers and two dense matrices, as version 0.1 had it."""

    def __init__(self, shape: tuple[int, int], landmarks: Points) -> None:
        matrix = face_transform(landmarks)
        factor = max(1, int(0.999 / float(np.hypot(matrix[0, 0], matrix[1, 0]))))
        small = (max(1, shape[0] // factor), max(1, shape[1] // factor)) if factor >= 2 else shape
        scale = (shape[0] / small[0], shape[1] / small[1])
        v, u = np.mgrid[:CROP, :CROP].reshape(2, -1)
        x, y = np.linalg.inv(matrix[:, :2]) @ (np.stack([u, v]) - matrix[:, 2:])
        x, y = (x + 0.5) / scale[1] - 0.5, (y + 0.5) / scale[0] - 0.5
        taps = [(np.floor(y) + j, np.floor(x) + i) for j in (0, 1) for i in (0, 1)]
        weights = [(1 - np.abs(y - r)) * (1 - np.abs(x - c)) for r, c in taps]
        inside = [(r >= 0) & (r < small[0]) & (c >= 0) & (c < small[1]) for r, c in taps]
        rows = np.concatenate([r[ok] for (r, _), ok in zip(taps, inside, strict=True)])
        columns = np.concatenate([c[ok] for (_, c), ok in zip(taps, inside, strict=True)])
        low, high = (int(rows.min()), int(columns.min())), (int(rows.max()) + 1, int(columns.max()) + 1)
        self.wide = high[1] - low[1]
        self.places = [
            torch.from_numpy(np.where(ok, (r - low[0]) * self.wide + (c - low[1]), 0).astype(np.int64))
            for (r, c), ok in zip(taps, inside, strict=True)
        ]
        self.weights = [
            torch.from_numpy(np.where(ok, w, 0).astype(np.float32))[:, None]
            for w, ok in zip(weights, inside, strict=True)
        ]
        self.down, self.rows = self._area(low[0], high[0], scale[0], shape[0])
        self.across, self.columns = self._area(low[1], high[1], scale[1], shape[1])

    @staticmethod
    def _area(low: int, high: int, scale: float, size: int) -> tuple[torch.Tensor, slice]:
        first, last = int(np.floor(low * scale + 1e-9)), min(size, int(np.ceil(high * scale - 1e-9)))
        edges, pixels = np.arange(low, high + 1) * scale, np.arange(first, last)
        overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
        return torch.from_numpy((overlap.clip(min=0) / scale).astype(np.float32)), slice(first, last)

    def forward(self, part: torch.Tensor) -> torch.Tensor:
        small = torch.einsum("ij,jkc,lk->ilc", self.down, part, self.across).reshape(-1, part.shape[-1])
        crop = sum((small[p] * w for p, w in zip(self.places, self.weights, strict=True)), torch.zeros(1))
        return crop.reshape(CROP, CROP, -1)

    def adjoint(self, crop: torch.Tensor) -> torch.Tensor:
        flat = crop.reshape(CROP * CROP, -1)
        small = torch.zeros(len(self.down) * self.wide, flat.shape[1])
        for place, weight in zip(self.places, self.weights, strict=True):
            small.index_add_(0, place, flat * weight)
        grid = small.reshape(len(self.down), self.wide, -1)
        return torch.einsum("ij,ilc,lk->jkc", self.down, grid, self.across)


def plain_paste(photo: np.ndarray, change: np.ndarray, landmarks: Points, *, limit: float) -> np.ndarray:
    """Sixty accelerated projected gradient steps through the plain map."""
    sampling = PlainSampling(photo.shape[:2], landmarks)
    where = (sampling.rows, sampling.columns)
    now = torch.from_numpy(photo[where].astype(np.float32) / 255)
    wanted = torch.from_numpy(change.astype(np.float32))
    touched = sampling.adjoint((wanted.abs().amax(dim=2, keepdim=True) > 0).float()) > 0
    low = torch.where(touched, (now - limit).clamp(min=0.0) - now, 0.0)
    high = torch.where(touched, (now + limit).clamp(max=1.0) - now, 0.0)
    curvature = float(sampling.adjoint(torch.ones(CROP, CROP, 1)).max().clamp(min=1e-6))
    solution = ahead = torch.zeros_like(low)
    pace = 1.0
    for _ in range(60):
        miss = sampling.forward(ahead) - wanted
        moved = torch.clamp(ahead - sampling.adjoint(miss) / curvature, low, high)
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        solution, ahead, pace = moved, moved + (pace - 1) / faster * (moved - solution), faster
    result = photo.copy()
    result[where] = ((now + solution) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return result


def placed(scale: float, angle: float, center: tuple[float, float]) -> Points:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return tuple((float(x), float(y)) for x, y in (arcface_template() - 56) @ turn.T + center)


CASES = {
    "enlarged": (0.6, 0.3, (150.0, 160.0)),
    "as large": (1.0, 0.0, (150.0, 160.0)),
    "reduced a little": (1.4, -0.4, (150.0, 160.0)),
    "turned far": (1.2, 2.5, (150.0, 160.0)),
    "averaged by two": (2.3, 0.2, (150.0, 160.0)),
    "averaged by three": (3.2, -0.1, (160.0, 150.0)),
    "cut by an edge": (1.4, 0.2, (5.0, 290.0)),
    "averaged and cut": (2.6, 0.2, (300.0, 10.0)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gray", [False, True])
def test_pixels_are_equal(case: str, gray: bool) -> None:
    draw = np.random.default_rng(0)
    # whole range, so that bounds at black and white are met as well as the limit
    photo = np.kron(draw.integers(0, 256, (38, 37, 3)), np.ones((8, 8, 1)))[:301, :290].astype(np.uint8)
    change = np.kron(draw.normal(0, 5 / 255, (56, 56, 3)), np.ones((2, 2, 1))) * face_region()[..., None]
    if gray:
        photo, change = (np.repeat(values[..., :1], 3, axis=2) for values in (photo, change))
    points = placed(*CASES[case])
    made = paste_change(photo, change, points, limit=8 / 255).photo
    plain = plain_paste(photo, change, points, limit=8 / 255)
    assert (made != photo).any()
    apart = np.abs(made.astype(int) - plain)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3  # sums in another order: a value half way between two levels may round apart
    again = align_face(made, points).astype(float) - align_face(plain, points)
    assert np.abs(again).max() <= 1
