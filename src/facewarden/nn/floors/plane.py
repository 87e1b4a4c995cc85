"""Plane residual and infrared ratio: how far depth is from a plane, and how bright the face is in infrared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.nn.floors.depth_geometry import mean_where, measured, plane_fit
from facewarden.nn.floors.describer import Describer, ellipse, gray

_EPSILON = 2 / 255


class PlaneAndRatio(Describer):
    """What gives flat instruments away by physics alone: no relief, and another reflection in infrared.

    Of depth: residual deviation from a plane and from a quadric, relief of the middle over the rim, slope, curvatures,
    share of holes inside and outside the face. Of infrared and color: logarithms of brightness of the face, of its
    ratio to color and to its surroundings, and the correlation of both pictures inside the face.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needs = (("depth",), ("infrared",), ("rgb", "infrared"))
        self.widths = (12, 4, 3)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Depth, infrared, and infrared against color."""
        color, depth, infrared = (gray(one)[:, 0] for one in pixels)
        return [_of_depth(depth), _of_infrared(infrared), _of_both(color, infrared)]


def _of_depth(depth: Float[Tensor, "b s s"]) -> Float[Tensor, "b f"]:
    side = depth.shape[-1]
    inside = ellipse(side, like=depth)
    core = ellipse(side, like=depth, scale=0.5)
    plane, off_plane, face = plane_fit(depth)
    quadric, off_quadric, _ = plane_fit(depth, degree=2)
    relief = mean_where(off_plane, face * core) - mean_where(off_plane, face * (inside - core))
    holes = 1 - measured(depth).to(depth.dtype)
    flat, curved = _deviation(off_plane, face), _deviation(off_quadric, face)
    return torch.stack(
        [
            (flat + _EPSILON).log(), (curved + _EPSILON).log(), ((flat + _EPSILON) / (curved + _EPSILON)).log(),
            relief, relief.abs(), plane[:, 1], plane[:, 2], quadric[:, 3], quadric[:, 4], quadric[:, 5],
            (holes * inside).sum(dim=(1, 2)) / inside.sum(),
            (holes * (1 - inside)).sum(dim=(1, 2)) / (1 - inside).sum(),
        ],
        dim=1,
    )  # fmt: skip


def _of_infrared(infrared: Float[Tensor, "b s s"]) -> Float[Tensor, "b f"]:
    inside = ellipse(infrared.shape[-1], like=infrared).expand_as(infrared)
    face, around = mean_where(infrared, inside), mean_where(infrared, 1 - inside)
    spread = (mean_where(infrared.square(), inside) - face.square()).clamp(min=0)
    return torch.stack(
        [(face + _EPSILON).log(), ((face + _EPSILON) / (around + _EPSILON)).log(), (spread + _EPSILON**2).log(),
         mean_where((infrared > 1 - 0.5 / 255).to(infrared.dtype), inside)],
        dim=1,
    )  # fmt: skip


def _of_both(color: Float[Tensor, "b s s"], infrared: Float[Tensor, "b s s"]) -> Float[Tensor, "b f"]:
    inside = ellipse(color.shape[-1], like=color).expand_as(color)
    bright, reflected = mean_where(color, inside), mean_where(infrared, inside)
    one, other = color - bright[:, None, None], infrared - reflected[:, None, None]
    together = mean_where(one * other, inside)
    spread = mean_where(one.square(), inside), mean_where(other.square(), inside)
    return torch.stack(
        [((reflected + _EPSILON) / (bright + _EPSILON)).log(), together / (spread[0] * spread[1] + _EPSILON**4).sqrt(),
         ((spread[1] + _EPSILON**2) / (spread[0] + _EPSILON**2)).log()],
        dim=1,
    )  # fmt: skip


def _deviation(values: Float[Tensor, "b s s"], where: Tensor) -> Float[Tensor, " b"]:
    return (mean_where(values.square(), where) + 1e-12).sqrt()
