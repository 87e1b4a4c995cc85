"""The shortest way from a point of the unit cube to a hyperplane, without leaving the cube."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def toward_hyperplane(points: Tensor, slopes: Tensor, offsets: Tensor, *, norm: Literal["linf", "l2"]) -> Tensor:
    """Return the shortest change that brings each point onto its hyperplane `slopes . x = offsets` inside [0, 1].

    A coordinate moves against the sign of its slope, at most to the border: by `min(t, room)` in Linf, where all that
    move go equally far, and by `min(t |slope|, room)` in L2. What this gains grows with `t`, linearly between the
    values at which a coordinate meets the border; those values are sorted and the right stretch is looked up. Where
    the hyperplane misses the cube, the result is the corner that comes closest.

    Args:
        points: `(b, n)` in [0, 1].
        slopes: `(b, n)`.
        offsets: `(b,)`.
        norm: what short means.
    """
    excess = (slopes * points).sum(dim=1) - offsets
    slopes = torch.where((excess >= 0.0).unsqueeze(1), slopes, -slopes)
    wanted = excess.abs()
    steep = slopes.abs()
    room = torch.where(slopes > 0.0, points, 1.0 - points) * (steep > 0.0)
    speed = torch.ones_like(steep) if norm == "linf" else steep
    # a coordinate without slope never moves: it meets its border at once
    border = torch.where(steep > 0.0, room / speed.clamp(min=1e-30), torch.zeros_like(room))
    border, order = border.sort(dim=1)
    spent = (steep * room).gather(1, order).cumsum(dim=1)  # gained by those at their border
    rates = (steep * speed).gather(1, order)
    moving = rates.flip(1).cumsum(dim=1).flip(1) - rates  # gained per unit of t by those behind it in the order
    gained = spent + moving * border
    stretch = torch.searchsorted(gained.contiguous(), wanted.unsqueeze(1))
    inside = stretch < gained.shape[1]
    stretch = stretch.clamp(max=max(gained.shape[1] - 1, 0))
    ahead = (stretch - 1).clamp(min=0)
    first = stretch == 0
    already = torch.where(first, torch.zeros_like(wanted).unsqueeze(1), spent.gather(1, ahead))
    rate = torch.where(first, rates.sum(dim=1, keepdim=True), moving.gather(1, ahead))
    reach = torch.where(inside & (rate > 0.0), (wanted.unsqueeze(1) - already) / rate.clamp(min=1e-30), border[:, -1:])
    return -slopes.sign() * torch.minimum(reach * speed, room)
