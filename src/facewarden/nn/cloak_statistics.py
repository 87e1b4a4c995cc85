"""Statistics of a face itself that cloaks without noise disturb: slow changes of color, symmetry and even blur."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.nn.residue import octaves

SIZE = 112
"""Side at which faces are described."""
_BANDS = 5
_FAINTEST = 1e-7
_DARK = 0.06  # of the pixel range: how dark values weigh in logarithms
_PLACES = 14
_INNER = (slice(28, 100), slice(24, 88))  # eyes to chin and cheek to cheek of an aligned face


def cloak_statistics(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
    """Describe aligned faces for a line that tells smooth cloaks, tints and warps.

    - Of brightness and two color differences, linear and logarithmic, octave by octave: the energy, how the three
      follow each other, and the energy of what left and right do not share. Light shades all colors of a face alike; a
      field for each color does not.
    - The same energies of the inner face, which holds little background.
    - How much the ratios of the three finest octaves vary from place to place: resampling by a field of displacements
      softens some places and not others.

    Args:
        images: in [0, 1]; faces of another size than 112 are resized to it.
    """
    faces = at_size(images.double(), SIZE)
    found: list[Tensor] = []
    for values in (faces, torch.log(faces + _DARK)):
        for band in _octaves(_opponent(values))[1:]:
            energy = _log_energy(band)
            found.append(energy)
            found.append(torch.stack([_likeness(band, *pair) for pair in ((0, 1), (0, 2), (1, 2))], dim=1))
            found.append(_log_energy(band - band.flip(3)) - energy)
    inner = _opponent(torch.log(faces[..., _INNER[0], _INNER[1]] + _DARK))
    found += [_log_energy(band) for band in _octaves(inner)[2:]]
    found += _unevenness(faces.mean(dim=1, keepdim=True))
    return torch.cat(found, dim=1).to(images.dtype)


def at_size(images: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c s s"]:
    """Images of a square size, resized where they are not."""
    if images.shape[-2:] == (side, side):
        return images
    return functional.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)


def _opponent(values: Tensor) -> Tensor:
    """Brightness, red against green, and yellow against blue."""
    red, green, blue = values.unbind(dim=1)
    return torch.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], dim=1)


def _octaves(values: Tensor) -> list[Tensor]:
    return octaves(values, count=_BANDS, smooth=True)


def _log_energy(band: Tensor) -> Tensor:
    return torch.log(band.square().mean(dim=(2, 3)) + _FAINTEST)


def _likeness(band: Tensor, one: int, other: int) -> Tensor:
    """Cosine of two channels of a band, which goes to 0 where there is nothing."""
    product = (band[:, one] * band[:, other]).mean(dim=(1, 2))
    energies = band.square().mean(dim=(2, 3)) + _FAINTEST
    return product / (energies[:, one] * energies[:, other]).sqrt()


def _unevenness(gray: Tensor) -> list[Tensor]:
    """Mean, spread and grain over the places of the ratio of energies of two octaves."""
    places = [
        torch.log(functional.adaptive_avg_pool2d(band.square(), _PLACES) + _FAINTEST) for band in _octaves(gray)[:3]
    ]
    found = []
    for one, other in ((0, 1), (1, 2), (0, 2)):
        ratio = places[one] - places[other]
        around = functional.avg_pool2d(functional.pad(ratio, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        found += [ratio.mean(dim=(2, 3)), ratio.std(dim=(2, 3)), (ratio - around).std(dim=(2, 3))]
    return found
