"""Statistics of the perturbation that a purifier removes: large for a cloaked face, small for a natural one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

ENERGIES = 8
"""How many of the statistics are energies; they come first."""
DESCRIBED = 35
"""How many statistics `residue_description` gives."""
_FAINTEST = 1e-8


def octaves(images: Float[Tensor, "b c h w"], *, count: int = 3, smooth: bool = False) -> list[Tensor]:
    """Split images into octaves of detail, finest first, and the coarse rest.

    Args:
        images: of any size.
        count: how many octaves.
        smooth: whether a coarse image is grown without edges of its places.
    """
    bands, now = [], images
    for _ in range(count):
        height, width = now.shape[-2:]
        coarse = functional.avg_pool2d(now, 2, ceil_mode=True, count_include_pad=False)
        if smooth:
            grown = functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
        else:
            grown = functional.interpolate(coarse, scale_factor=2, mode="nearest")[..., :height, :width]
        bands.append(now - grown)
        now = coarse
    return [*bands, now]


def residue_statistics(images: Float[Tensor, "b 3 h w"], purified: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 8"]:
    """Logarithms of the mean energy, octave by octave, of the removed perturbation and of the image itself.

    Args:
        images: what the purifier was given.
        purified: what it gave.
    """
    parts = [
        torch.log(part.double().square().mean(dim=(1, 2, 3)) + _FAINTEST)
        for picture in (images - purified, images)
        for part in octaves(picture)
    ]
    return torch.stack(parts, dim=1).to(images.dtype)


def residue_pattern(images: Float[Tensor, "b 3 h w"], purified: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 27"]:
    """What the removed perturbation looks like: a cloak has a color, a grain and a place that edits do not have.

    Octave by octave its share of gray, how it follows the picture, and its peaks; then its likeness to itself some
    pixels on, between colors, and from place to place; last what an edit does to the picture itself, and its grain
    where it is smooth.

    Args:
        images: what the purifier was given.
        purified: what it gave.
    """
    pictures, removed = images.double(), (images - purified).double()
    detail, seen = octaves(removed), octaves(pictures)
    found = [_log_ratio(_energy(band.mean(dim=1, keepdim=True)), _energy(band)) for band in detail[:3]]
    found += [_likeness(band, same) for band, same in zip(detail, seen, strict=True)]
    found += [_log_ratio(_mean(band.square().square()), _energy(band).square()) for band in detail[:3]]
    height, width = images.shape[-2:]
    for down, across in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0)):
        found.append(_likeness(removed[..., down:, across:], removed[..., : height - down, : width - across]))
    found += [_likeness(removed[:, [one]], removed[:, [other]]) for one, other in ((0, 1), (1, 2), (0, 2))]
    for band, same in zip(detail[:2], seen[:2], strict=True):
        places, textures = _places(band), _places(same)
        found.append(places.std(dim=(1, 2, 3)))
        centered = [part - part.mean(dim=(1, 2, 3), keepdim=True) for part in (places, textures)]
        found.append(_likeness(centered[0], centered[1]))
    found.append(_mean(((pictures <= 0.5 / 255) | (pictures >= 254.5 / 255)).double()))
    found += [_mean(pictures), _log_ratio(pictures.flatten(1).var(dim=1), torch.ones_like(_mean(pictures)))]
    finest = seen[0].abs().mean(dim=1).flatten(1)
    found += [torch.log(finest.quantile(share, dim=1) + 1e-4) for share in (0.1, 0.5)]
    return torch.stack(found, dim=1).to(images.dtype)


def residue_description(images: Float[Tensor, "b 3 h w"], purified: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 35"]:
    """Everything that tells a cloak: the energies of `residue_statistics`, then `residue_pattern`.

    Args:
        images: what the purifier was given.
        purified: what it gave.
    """
    return torch.cat([residue_statistics(images, purified), residue_pattern(images, purified)], dim=1)


def _mean(values: Tensor) -> Tensor:
    return values.mean(dim=(1, 2, 3))


def _energy(values: Tensor) -> Tensor:
    return _mean(values.square())


def _log_ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.log((part + _FAINTEST) / (whole + _FAINTEST))


def _likeness(one: Tensor, other: Tensor) -> Tensor:
    """Cosine of two pictures, which goes to 0 where there is nothing."""
    return _mean(one * other) / ((_energy(one) + _FAINTEST) * (_energy(other) + _FAINTEST)).sqrt()


def _places(band: Tensor) -> Tensor:
    """Logarithm of the energy in 14 x 14 places."""
    grid = functional.adaptive_avg_pool2d(band.square().mean(dim=1, keepdim=True), 14)
    return torch.log(grid + _FAINTEST)
