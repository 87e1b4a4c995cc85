"""Depth inside the face's ellipse: which pixels are measured, a robust plane, and the canonical picture of it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from facewarden.nn.floors.describer import ellipse

_HALF_STEP = 0.5 / 255
_SMALLEST = 2 / 255
_TO_DEVIATION = 1.4826
_FEWEST = 16
_CLIP = 4.0


def measured(depth: Float[Tensor, "b s s"]) -> Bool[Tensor, "b s s"]:
    """Where depth is neither black nor white: holes and what was cut away are stored as either."""
    return (depth > _HALF_STEP) & (depth < 1 - _HALF_STEP)


def canonical_depth(depth: Float[Tensor, "b s s"]) -> Float[Tensor, "b s s"]:
    """Depth on a scale of its own: zero at the face's median, one robust deviation to a unit, the middle in front.

    What is left is the same for `a d + b` with any a, also a negative one, as long as no value is clipped by it: how a
    published set scales its depth, and whether near is bright or dark, does not reach a classifier. The sign is chosen
    so that the middle of the face's ellipse is brighter than its rim. Holes are at the median.

    Args:
        depth: in [0, 1].

    Returns:
        In [0, 1]: one half is the median, an eighth is one robust deviation.
    """
    side = depth.shape[-1]
    known = measured(depth)
    face = known & ellipse(side, like=depth).bool()
    few = face.sum(dim=(1, 2)) < _FEWEST
    middle = _median(depth, face)
    off = depth - middle[:, None, None]
    scale = (_TO_DEVIATION * _median(off.abs(), face)).clamp(min=_SMALLEST)
    units = off / scale[:, None, None]
    with torch.no_grad():
        core = ellipse(side, like=depth, scale=0.5)
        inner, rim = mean_where(units, face & core.bool()), mean_where(units, face & ~core.bool())
        sign = torch.where(inner >= rim, 1.0, -1.0).to(depth.dtype)
    shown = 0.5 + (sign[:, None, None] * units).clamp(-_CLIP, _CLIP) / (2 * _CLIP)
    return torch.where(known & ~few[:, None, None], shown, torch.full_like(shown, 0.5))


def plane_fit(
    depth: Float[Tensor, "b s s"], *, degree: int = 1, rounds: int = 3
) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b s s"], Bool[Tensor, "b s s"]]:
    """A plane (or a quadric) through the measured depth of the face, robust against what is not on it.

    Weighted least squares with the weights `1 / max(1, |residual| / robust deviation)` of Huber, set anew each round.

    Args:
        depth: in [0, 1].
        degree: 1 for `c + ax + by`, 2 also for `x^2`, `xy` and `y^2`; x and y run from -1 to 1.
        rounds: of reweighting.

    Returns:
        Coefficients, residuals everywhere, and where the face was measured. Without enough measured pixels the
        coefficients are 0.
    """
    side = depth.shape[-1]
    face = measured(depth) & ellipse(side, like=depth).bool()
    steps = (torch.arange(side, dtype=depth.dtype, device=depth.device) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    terms = [torch.ones_like(x), x, y] + ([x * x, x * y, y * y] if degree == 2 else [])
    design = torch.stack(terms, dim=-1).reshape(-1, len(terms))
    flat, weight = depth.flatten(1), face.flatten(1).to(depth.dtype)
    few = weight.sum(dim=1) < _FEWEST
    ridge = 1e-6 * torch.eye(len(terms), dtype=depth.dtype, device=depth.device)
    robust = weight
    for _ in range(rounds):
        normal = torch.einsum("bn,nk,nl->bkl", robust, design, design) + ridge
        found = torch.linalg.solve(normal, torch.einsum("bn,nk,bn->bk", robust, design, flat))
        rest = flat - found @ design.T
        with torch.no_grad():
            spread = _TO_DEVIATION * _median(rest.abs().view_as(depth), face)
            robust = weight / (rest.abs() / spread.clamp(min=_SMALLEST / 4)[:, None]).clamp(min=1)
    found = torch.where(few[:, None], torch.zeros_like(found), found)
    return found, rest.view_as(depth), face & ~few[:, None, None]


def _median(values: Float[Tensor, "b s s"], where: Bool[Tensor, "b s s"]) -> Float[Tensor, " b"]:
    """Median of the marked pixels, the mean of the middle two, so that it has no side; 0 where there are none."""
    ordered = torch.where(where, values, torch.full_like(values, torch.inf)).flatten(1).sort(dim=1).values
    count = where.flatten(1).sum(dim=1, keepdim=True)
    ends = torch.cat([(count - 1) // 2, count // 2], dim=1).clamp(min=0, max=ordered.shape[1] - 1)
    middle = ordered.gather(1, ends).mean(dim=1)
    return torch.where(count[:, 0] > 0, middle, torch.zeros_like(middle))


def mean_where(values: Float[Tensor, "b s s"], where: Shaped[Tensor, "b s s"]) -> Float[Tensor, " b"]:
    """Mean of marked pixels; where there are none it is 0.

    Args:
        values: of pixels.
        where: `(b, s, s)` of any type, 1 or true where a pixel counts.
    """
    share = where.to(values.dtype)
    return (values * share).sum(dim=(1, 2)) / share.sum(dim=(1, 2)).clamp(min=1)
