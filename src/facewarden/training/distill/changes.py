"""Changes that a view survives with what the teachers said of it: place, mirror, exposure, color, noise."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.training.distill.distillation_data import Kind


def change(
    pixels: Float[Tensor, "b c s s"],
    maps: Float[Tensor, "b k y x"],
    *,
    kind: Kind,
    size: int,
    gray: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "b 3 {size} {size}"], Float[Tensor, "b k y x"]]:
    """Change views and move their feature maps along.

    Args:
        pixels: views in [0, 1].
        maps: features of the whole views.
        kind: photos change in color, depth in offset and scale, infrared in brightness.
        size: side of what the student is shown, in pixels.
        gray: chance that a photo is shown as some near-infrared camera could see it: one channel, an odd mixture.
        generator: decides everything.

    Returns:
        Images of three channels, and maps as large as before, for what the images show.
    """
    place = _places(len(pixels), generator)
    mode = "nearest" if kind == "depth" else "bilinear"  # a mean of face and wall is a distance with nothing there
    seen = _cut(pixels, place, sides=(size, size), mode=mode)
    moved = _cut(maps, place, sides=(maps.shape[-2], maps.shape[-1]), mode="bilinear")
    if kind == "depth":
        return _range(seen, generator).expand(-1, 3, -1, -1), moved
    if kind == "photo":
        mixture = torch.rand(len(seen), 3, generator=generator).softmax(dim=1)[..., None, None]
        single = (seen * mixture).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        chosen = torch.rand(len(seen), generator=generator) < gray
        seen = torch.where(chosen[:, None, None, None], single, _tinted(seen, generator))
    return _exposed(seen, generator).expand(-1, 3, -1, -1), moved


def still(pixels: Float[Tensor, "b c s s"], *, size: int) -> Float[Tensor, "b 3 {size} {size}"]:
    """The middle of views, nothing changed."""
    first = (pixels.shape[-1] - size) // 2
    return pixels[..., first : first + size, first : first + size].expand(-1, 3, -1, -1)


def _places(count: int, generator: torch.Generator) -> Tensor:
    factor = torch.empty(count).uniform_(0.78, 1.0, generator=generator)
    shift = (1 - factor)[:, None] * torch.empty(count, 2).uniform_(-1, 1, generator=generator)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0], place[:, 1, 1], place[:, :, 2] = factor * mirror, factor, shift
    return place


def _cut(images: Tensor, place: Tensor, *, sides: tuple[int, int], mode: str) -> Tensor:
    grid = functional.affine_grid(place, [len(images), 1, *sides], align_corners=False)
    return functional.grid_sample(images.float(), grid, mode=mode, padding_mode="border", align_corners=False)


def _spread(count: int, amount: float, generator: torch.Generator, *, channels: int = 1) -> Tensor:
    drawn = torch.empty(count, channels, 1, 1).normal_(0, amount, generator=generator)
    return drawn.exp()


def _tinted(seen: Tensor, generator: torch.Generator) -> Tensor:
    gain = _spread(len(seen), 0.1, generator, channels=3)
    color = torch.rand(len(seen), 1, 1, 1, generator=generator)
    return torch.lerp(seen.mean(dim=1, keepdim=True).expand_as(seen), seen, 0.3 + 0.7 * color) * gain


def _exposed(seen: Tensor, generator: torch.Generator) -> Tensor:
    bright = (seen * _spread(len(seen), 0.25, generator)).clamp(0, 1) ** _spread(len(seen), 0.25, generator)
    soft = functional.avg_pool2d(bright, 3, stride=1, padding=1, count_include_pad=False)
    blur = torch.rand(len(seen), 1, 1, 1, generator=generator) - 0.4
    return (torch.lerp(bright, soft, blur.clamp(min=0)) + _noise(seen, 0.04, generator)).clamp(0, 1)


def _range(seen: Tensor, generator: torch.Generator) -> Tensor:
    stretch = _spread(len(seen), 0.15, generator)
    offset = torch.empty(len(seen), 1, 1, 1).normal_(0, 0.05, generator=generator)
    found = (0.5 + (seen - 0.5) * stretch + offset + _noise(seen, 0.02, generator)).clamp(1 / 255, 1)
    return torch.where(seen > 0, found, torch.zeros(()))


def _noise(seen: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    most = torch.rand(len(seen), 1, 1, 1, generator=generator) * amount
    return torch.empty_like(seen).normal_(0, 1, generator=generator) * most
