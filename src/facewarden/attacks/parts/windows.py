"""Square windows and the patterns that Square search writes into them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Generators = Sequence[torch.Generator]


def draw_signs(shape: tuple[int, ...], generators: Generators) -> Tensor:
    """`(b, *shape)` of random signs, drawn per sample."""
    drawn = [torch.sign(2 * torch.rand(shape, generator=generator) - 1) for generator in generators]
    return torch.stack(drawn) if drawn else torch.zeros(0, *shape)


def draw_places(count: int, generators: Generators) -> Tensor:
    """`(b,)` integers below `count` (zero where there is no room), drawn per sample."""
    return torch.tensor([int(count * torch.rand(1, generator=generator)) for generator in generators], dtype=torch.long)


def window(top: Tensor, left: Tensor, *, side: int, height: int, width: int) -> Tensor:
    """`(b, 1, height, width)` bool, True inside each sample's square."""
    rows, columns = torch.arange(height), torch.arange(width)
    inside_rows = (rows >= top[:, None]) & (rows < top[:, None] + side)
    inside_columns = (columns >= left[:, None]) & (columns < left[:, None] + side)
    return inside_rows[:, None, :, None] & inside_columns[:, None, None, :]


def bump(height: int, width: int) -> Tensor:
    """A centered bump of unit length: nested rectangles, the n-th from outside in adding 1 / n² from inside out."""
    field = torch.zeros(height, width)
    top, left = height // 2, width // 2
    for ring in range(max(height // 2, width // 2) + 1):
        rows = slice(max(top - ring, 0), min(top + ring + 1, height))
        columns = slice(max(left - ring, 0), min(left + ring + 1, width))
        field[rows, columns] += 1.0 / (torch.tensor(float(ring + 1)) ** 2)
    return field / (field**2).sum().sqrt()


def draw_pairs(side: int, generators: Generators) -> Tensor:
    """`(b, side, side)` of unit length: one bump up and one down, above each other or side by side at random."""
    field = torch.zeros(side, side)
    half = side // 2
    field[:half] = bump(half, side)
    field[half:] = -bump(side - half, side)
    field = field / (field**2).sum().sqrt()
    turned = [field.T if bool(torch.rand(1, generator=g) > 0.5) else field for g in generators]
    return torch.stack(turned) if turned else torch.zeros(0, side, side)


def side_share(step: int, *, steps: int, first: float) -> float:
    """Share of the image that a window covers in a step: halved along the paper's schedule for 10,000 steps."""
    scaled = int(step / steps * 10000)
    halvings = sum(scaled > bound for bound in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000))
    return first * 0.5**halvings


def side_of(share: float, *, height: int, width: int, smallest: int) -> int:
    """Side in pixels of a square window with a share of the image, no larger than the image."""
    return min(max(round(math.sqrt(share * height * width)), smallest), height, width)
