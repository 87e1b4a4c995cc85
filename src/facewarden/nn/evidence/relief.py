"""Relief: what a face's depth has that planes, cylinders and bent sheets do not, blind to how depth is encoded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.nn.floors.depth_geometry import canonical_depth, measured, plane_fit
from facewarden.nn.floors.describer import Describer, ellipse, gray

PLACES = {
    "forehead": (0.00, -0.24), "brow": (0.00, -0.11), "left eye": (-0.13, -0.07), "right eye": (0.13, -0.07),
    "nose": (0.00, 0.05), "left cheek": (-0.17, 0.08), "right cheek": (0.17, 0.08), "mouth": (0.00, 0.18),
    "chin": (0.00, 0.30), "left edge": (-0.27, 0.02), "right edge": (0.27, 0.02),
}  # fmt: skip
"""Where parts of a face are in a view of 1.25 times its box: right and down of the middle, as shares of the side."""
_RADIUS = 0.055
_SCALES = (1, 2, 4)
_SMALLEST = 2 / 255


class Relief(Describer):
    """Numbers of the canonical depth, and how its edges lie on those of color.

    Canonical depth is the same for every gain and sign of the encoding. Of it: residuals from a plane and a quadric,
    the curvatures of the quadric in order of size (a cylinder has one, a plane none), the residual of the quadric at
    eleven places of a face, its difference between the two sides, energy at three scales, and holes by zone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needs = (("depth",), ("rgb", "depth"))
        self.widths = (5 + len(PLACES) + 1 + len(_SCALES) + 10, 3)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Depth alone, and depth against color."""
        raw = pixels[1][:, 0]
        depth = canonical_depth(raw)
        return [_of_depth(depth, raw), _of_edges(gray(pixels[0])[:, 0], depth, measured(raw))]


def _of_depth(depth: Float[Tensor, "b s s"], raw: Float[Tensor, "b s s"]) -> Float[Tensor, "b f"]:
    known = measured(raw).to(depth.dtype)
    inside = ellipse(depth.shape[-1], like=depth) * known
    _, off_plane, _ = plane_fit(depth)
    quadric, off_quadric, _ = plane_fit(depth, degree=2)
    flat, curved = _spread(off_plane, inside), _spread(off_quadric, inside)
    curvatures = _principal(quadric)
    at = torch.stack([_around(off_quadric, inside, place) for place in PLACES.values()], dim=1)
    mirrored = _spread(off_quadric - off_quadric.flip(-1), inside * inside.flip(-1))
    energy = [_spread(_detail(depth, scale), inside) for scale in _SCALES]
    zones = functional.adaptive_avg_pool2d((1 - known)[:, None], 3).flatten(1)
    all_holes = (1 - known).mean(dim=(1, 2))
    numbers = [_log(flat), _log(curved), _log(flat) - _log(curved), curvatures[:, 0], curvatures[:, 1]]
    return torch.cat(
        [torch.stack(numbers, dim=1), at, _log(mirrored)[:, None], torch.stack([_log(e) for e in energy], dim=1),
         zones, all_holes[:, None]],
        dim=1,
    )  # fmt: skip


def _of_edges(color: Float[Tensor, "b s s"], depth: Float[Tensor, "b s s"], known: Tensor) -> Float[Tensor, "b f"]:
    """Correlation of the lengths of the gradients of color and depth: inside the face, at its rim and everywhere."""
    one, other = _gradient(color), _gradient(torch.where(known, depth, depth.new_tensor(0.5)))
    side = depth.shape[-1]
    inside = ellipse(side, like=depth, scale=0.8)
    rim = ellipse(side, like=depth, scale=1.25) - inside
    places = (inside, rim, torch.ones_like(inside))
    return torch.stack([_correlation(one, other, place) for place in places], dim=1)


def _principal(coefficients: Float[Tensor, "b 6"]) -> Float[Tensor, "b 2"]:
    """Curvatures of the quadric, the larger one first; both keep their sign."""
    xx, xy, yy = 2 * coefficients[:, 3], coefficients[:, 4], 2 * coefficients[:, 5]
    mean, apart = (xx + yy) / 2, (((xx - yy) / 2).square() + xy.square() + 1e-12).sqrt()
    first, second = mean + apart, mean - apart
    swap = second.abs() > first.abs()
    return torch.stack([torch.where(swap, second, first), torch.where(swap, first, second)], dim=1)


def _around(
    values: Float[Tensor, "b s s"], where: Float[Tensor, "b s s"], place: tuple[float, float]
) -> Float[Tensor, " b"]:
    side = values.shape[-1]
    steps = (torch.arange(side, dtype=values.dtype, device=values.device) + 0.5) / side - 0.5
    disc = ((steps[None] - place[0]).square() + (steps[:, None] - place[1]).square()) <= _RADIUS**2
    share = where * disc.to(values.dtype)
    return (values * share).sum(dim=(1, 2)) / share.sum(dim=(1, 2)).clamp(min=1)


def _detail(image: Float[Tensor, "b s s"], scale: int) -> Float[Tensor, "b s s"]:
    """The picture minus its mean over a square of `2 scale + 1` pixels."""
    wide = functional.avg_pool2d(image[:, None], 2 * scale + 1, stride=1, padding=scale, count_include_pad=False)
    return image - wide[:, 0]


def _gradient(image: Float[Tensor, "b s s"]) -> Float[Tensor, "b s s"]:
    across = functional.pad(image[..., 2:] - image[..., :-2], (1, 1))
    down = functional.pad(image[..., 2:, :] - image[..., :-2, :], (0, 0, 1, 1))
    return (across.square() + down.square() + 1e-8).sqrt()


def _correlation(one: Float[Tensor, "b s s"], other: Float[Tensor, "b s s"], where: Tensor) -> Float[Tensor, " b"]:
    total = where.sum()
    off = [value - ((value * where).sum(dim=(1, 2)) / total)[:, None, None] for value in (one, other)]
    together = (off[0] * off[1] * where).sum(dim=(1, 2))
    return (
        together / ((off[0].square() * where).sum(dim=(1, 2)) * (off[1].square() * where).sum(dim=(1, 2)) + 1e-9).sqrt()
    )


def _spread(values: Float[Tensor, "b s s"], where: Float[Tensor, "b s s"]) -> Float[Tensor, " b"]:
    square = (values.square() * where).sum(dim=(1, 2)) / where.sum(dim=(1, 2)).clamp(min=1)
    return (square + 1e-12).sqrt()


def _log(value: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    return (value + _SMALLEST).log()
