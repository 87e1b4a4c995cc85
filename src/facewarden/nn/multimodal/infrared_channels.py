"""Hand-made views of an infrared image that the MMDG line of work stacks with it: HOG and PLGF, differentiable."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.errors import BadInputError

ORIENTATIONS, CELL = 9, 8
_EPSILON = 1e-12


def stack_infrared(gray: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
    """[gray, HOG, PLGF], each in [0, 1]: the input of the released prototype code in place of three copies of gray."""
    return torch.cat([gray, hog_image(gray), plgf(gray)], dim=1)


def hog_image(gray: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Picture of the gradient histograms: in each 8 x 8 cell one stroke per orientation, as bright as its bin.

    Each pixel votes with its gradient's length for one of nine orientations over 180 degrees; strokes lie along the
    edge, across the gradient. The strongest pixel of an image is 1. A vote does not change its bin under small
    changes, so the gradient flows through the lengths only.

    Source: Dalal and Triggs, CVPR 2005; 9 orientations, 8 x 8 cells, drawn as scikit-image does.

    Args:
        gray: in [0, 1].

    Raises:
        BadInputError: the side is no multiple of 8.
    """
    height, width = gray.shape[-2:]
    if height % CELL or width % CELL:
        raise BadInputError(f"HOG needs sides that are multiples of {CELL}, got {height} x {width}", hint="size=224")
    down = F.pad(gray[..., 2:, :] - gray[..., :-2, :], (0, 0, 1, 1))
    across = F.pad(gray[..., 2:] - gray[..., :-2], (1, 1))
    length = _root(down.square() + across.square())
    with torch.no_grad():
        angle = torch.rad2deg(torch.atan2(down, across)) % 180
        votes = F.one_hot((angle * (ORIENTATIONS / 180)).long().clamp(max=ORIENTATIONS - 1), ORIENTATIONS)
    votes = votes.squeeze(1).permute(0, 3, 1, 2).to(gray.dtype)
    histogram = F.avg_pool2d(votes * length, CELL)
    strokes = _strokes().to(gray)
    drawn = F.conv_transpose2d(histogram, strokes[:, None], stride=CELL)
    return drawn / drawn.amax(dim=(1, 2, 3), keepdim=True).clamp(min=_EPSILON)


def plgf(gray: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Pattern of local gravitational force: how strongly the neighborhood pulls a pixel, relative to its brightness.

    Two 5 x 5 masks `cos t / r^2` and `sin t / r^2` give the force on each axis; its length over the pixel's own value
    goes through arctan and is stretched to [1, 255], here over 255.

    Source: Bhattacharjee and Roy, "Pattern of Local Gravitational Force", TPAMI 2021; the constants are
    those of the published multi-modal loaders.

    Args:
        gray: in [0, 1]; values below 2 / 255 are lifted to it.
    """
    lifted = (gray * 255).clamp(min=2)
    steps = torch.arange(-2, 3, dtype=gray.dtype, device=gray.device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    cube = (x.square() + y.square()).pow(1.5)
    masks = torch.stack([x / cube, y / cube]).nan_to_num(0.0)  # the center pulls nothing
    force = F.conv2d(F.pad(lifted, (2, 2, 2, 2), mode="replicate"), masks[:, None])
    pattern = torch.atan(_root((force / lifted).square().sum(dim=1, keepdim=True)))
    low, high = pattern.amin(dim=(1, 2, 3), keepdim=True), pattern.amax(dim=(1, 2, 3), keepdim=True)
    stretched = (pattern - low) / (high - low).clamp(min=_EPSILON)
    return (1 + 254 * stretched) / 255


def _root(square: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    safe = torch.where(square > 0, square, torch.ones_like(square))
    return torch.where(square > 0, safe.sqrt(), torch.zeros_like(square))


def _strokes() -> Tensor:
    """One 8 x 8 picture for each orientation: the straight line through the cell's center along the edge."""
    pictures = torch.zeros(ORIENTATIONS, CELL, CELL)
    middle, radius = CELL // 2, CELL // 2 - 1
    for bin_, picture in enumerate(pictures):
        angle = math.pi * (bin_ + 0.5) / ORIENTATIONS
        rise, run = radius * math.sin(angle), radius * math.cos(angle)
        start = (int(middle - run), int(middle + rise))
        end = (int(middle + run), int(middle - rise))
        for row, column in _line(start, end):
            picture[row, column] = 1.0
    return pictures


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Pixels of a straight line by Bresenham's rule."""
    (row, column), (last_row, last_column) = start, end
    rows, columns = abs(last_row - row), abs(last_column - column)
    down, right = (1 if last_row > row else -1), (1 if last_column > column else -1)
    steep = rows > columns
    long, short = (rows, columns) if steep else (columns, rows)
    error, pixels = 2 * short - long, []
    for _ in range(long):
        pixels.append((row, column))
        while error >= 0:
            if steep:
                column += right
            else:
                row += down
            error -= 2 * long
        if steep:
            row += down
        else:
            column += right
        error += 2 * short
    return [*pixels, (last_row, last_column)]
