"""Nearest points of the hulls that several embeddings span: the plane through them, and their mixtures."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_STEPS = 300
_FLAT = 1e-5
"""Directions of the plane that are shorter than this part of its longest one are rounding."""


def nearest_in_affine_hull(points: Float[Tensor, "b d"], known: Float[Tensor, "n d"]) -> Float[Tensor, "b d"]:
    """Nearest point of {sum a_j f_j, sum a = 1} by least squares.

    Args:
        points: from where.
        known: the f_j that span the hull.

    Example:
        >>> nearest_in_affine_hull(torch.tensor([[2.0, 3.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
        tensor([[2., 1.]])
    """
    middle = known.double().mean(dim=0)
    _, lengths, axes = torch.linalg.svd(known.double() - middle, full_matrices=False)
    axes = axes[lengths > _FLAT * lengths.max().clamp(min=_FLAT)]
    found: Tensor = middle + (points.double() - middle) @ axes.T @ axes
    return found.to(points.dtype)


def nearest_in_convex_hull(points: Float[Tensor, "b d"], known: Float[Tensor, "n d"]) -> Float[Tensor, "b d"]:
    """Nearest point of {sum a_j f_j, sum a = 1, a >= 0} by accelerated projected gradient steps.

    Args:
        points: from where.
        known: the f_j that span the hull.

    Source: Beck, Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", SIAM J. Imaging Sciences 2(1), 2009,
    equations 4.1 to 4.3, with `onto_simplex` as the projection.

    Example:
        >>> nearest_in_convex_hull(torch.tensor([[2.0, 3.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
        tensor([[1., 1.]])
    """
    corners, wanted = known.double(), points.double()
    curvature = torch.linalg.matrix_norm(corners, ord=2).square().clamp(min=1e-12)
    gram, target = corners @ corners.T / curvature, wanted @ corners.T / curvature
    shares = torch.full_like(target, 1 / len(corners))
    ahead, pace = shares, 1.0
    for _ in range(_STEPS):
        moved = onto_simplex(ahead - (ahead @ gram - target))
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead, shares, pace = moved + (pace - 1) / faster * (moved - shares), moved, faster
    return (shares @ corners).to(points.dtype)


def onto_simplex(values: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Nearest rows of numbers that are not negative and sum to one.

    Source: Duchi, Shalev-Shwartz, Singer, Chandra, "Efficient Projections onto the l1-Ball", ICML 2008, figure 1.

    Example:
        >>> onto_simplex(torch.tensor([[2.0, 1.5, -1.0]]))
        tensor([[0.7500, 0.2500, 0.0000]])
    """
    ordered, _ = values.sort(dim=1, descending=True)
    excess = ordered.cumsum(dim=1) - 1
    count = torch.arange(1, values.shape[1] + 1, dtype=values.dtype, device=values.device)
    last = (ordered - excess / count > 0).sum(dim=1, keepdim=True)
    return (values - excess.gather(1, last - 1) / last).clamp(min=0.0)
