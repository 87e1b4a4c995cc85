"""Bounded least squares through the alignment: which change of photo pixels gives a wanted change of the crop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.align.parts.sampling import Sampling
from facewarden.align.parts.template import CROP_SIZE

_STEPS = 60


def bounded_least_squares(
    sampling: Sampling,
    wanted: Float[Tensor, "112 112 c"],
    low: Float[Tensor, "h w c"],
    high: Float[Tensor, "h w c"],
) -> Float[Tensor, "h w c"]:
    """Change the part of a photo within bounds so that its crop changes as wanted, as nearly as 60 steps reach.

    Accelerated projected gradient steps from zero. The gradient needs the map and its adjoint one after the other,
    which on the small grid couple a place with its eight neighbors only: nine products of arrays take the place of
    gathering and scattering through the crop.

    Args:
        sampling: the map from the part to the crop.
        wanted: change of the crop.
        low, high: of the change of each photo value; zero lies between them.

    Source: Beck, Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", SIAM J. Imaging Sciences 2(1), 2009,
    equations 4.1 to 4.3.
    """
    # rows of the map sum to at most one, so its largest column sum bounds the curvature
    curvature = float(sampling.adjoint(torch.ones(CROP_SIZE, CROP_SIZE, 1)).max().clamp(min=1e-6))
    weights = torch.from_numpy((sampling.neighbors() / curvature).astype(np.float32))
    target = sampling.spread(wanted) / curvature
    if sampling.down is None:
        return _on_the_grid(weights, target, low, high)
    return _through_areas(sampling, weights, target, low, high)


def _paces() -> Iterator[float]:
    """How far each step looks ahead of where it stands."""
    pace = 1.0
    for _ in range(_STEPS):
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        yield (pace - 1) / faster
        pace = faster


def _on_the_grid(weights: Tensor, target: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The steps where the part is the small grid: a step is one weighted sum over neighbors, cut at the bounds."""
    weights = -weights
    weights[1, 1] += 1
    target, low, high = (values.permute(2, 0, 1).contiguous() for values in (target, low, high))
    framed, ahead = _framed(target)
    summed = _sum_of_neighbors(weights[:, :, None], framed, target)
    solution, moved = torch.zeros_like(target), torch.empty_like(target)
    for further in _paces():
        torch.clamp(summed(moved), low, high, out=moved)
        torch.lerp(solution, moved, 1 + further, out=ahead)
        solution, moved = moved, solution
    return solution.permute(1, 2, 0)


def _through_areas(sampling: Sampling, weights: Tensor, target: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The steps where areas of the photo are averaged first; axes are turned so that every product is along rows."""
    down, across = sampling.down, sampling.across
    up, along = down.T.tocsr(), across.T.tocsr()
    target = -target.permute(1, 2, 0).contiguous()  # (w, c, h) of the small grid
    low, high = (values.permute(0, 2, 1).contiguous() for values in (low, high))  # (h, c, w) of the photo
    framed, reduced = _framed(target, axes=(0, 2))
    summed = _sum_of_neighbors(weights.permute(1, 0, 3, 2).contiguous()[:, :, :, None], framed, target, axes=(0, 2))
    ahead, solution, gradient = torch.zeros_like(low), torch.zeros_like(low), torch.empty_like(target)
    for further in _paces():
        small = _product(across, _product(down, ahead).permute(2, 1, 0).contiguous())
        reduced.copy_(small)
        moved = _product(up, _product(along, summed(gradient)).permute(2, 1, 0).contiguous())
        torch.sub(ahead, moved, out=moved)
        torch.clamp(moved, low, high, out=moved)
        torch.lerp(solution, moved, 1 + further, out=ahead)
        solution = moved
    return solution.permute(0, 2, 1)


def _framed(like: Tensor, *, axes: tuple[int, int] = (1, 2)) -> tuple[Tensor, Tensor]:
    """Zeros with a frame of one place around two axes, and the view inside the frame."""
    size = [length + 2 * (axis in axes) for axis, length in enumerate(like.shape)]
    framed = torch.zeros(size, dtype=like.dtype)
    inside = framed
    for axis in axes:
        inside = inside.narrow(axis, 1, like.shape[axis])
    return framed, inside


def _sum_of_neighbors(
    weights: Tensor, framed: Tensor, start: Tensor, *, axes: tuple[int, int] = (1, 2)
) -> Callable[[Tensor], Tensor]:
    """A function that writes `start` plus the weighted sum over the nine neighbors of each place."""
    first, second = axes
    terms = [
        (weights[i, j], framed.narrow(first, i, start.shape[first]).narrow(second, j, start.shape[second]))
        for i in range(3)
        for j in range(3)
    ]

    def summed(out: Tensor) -> Tensor:
        torch.addcmul(start, *terms[0], out=out)
        for weight, values in terms[1:]:
            torch.addcmul(out, weight, values, out=out)
        return out

    return summed


def _product(matrix: Any, values: Tensor) -> Tensor:
    """A sparse matrix times the first axis."""
    found = matrix @ values.numpy().reshape(len(values), -1)
    return torch.from_numpy(found).view(-1, *values.shape[1:])
