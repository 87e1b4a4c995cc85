"""Global statistics: moments, quantiles and sharpness of each sensor, without any place in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.labels import MODALITIES
from facewarden.nn.floors.describer import Describer, ellipse, gray

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_EPSILON = 1e-6
_WIDTH = 4 + len(_QUANTILES) + 2 + 2 + 2


class GlobalStatistics(Describer):
    """For each sensor: mean, deviation, skewness, kurtosis, quantiles, share of black and of white, sharpness, face.

    Sharpness is the mean length of differences between neighbors and of second differences; the face's part is mean and
    deviation inside the face's ellipse. Of color also the mean and deviation of each channel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needs = (*((name,) for name in MODALITIES), (MODALITIES[0],))
        self.widths = (*(_WIDTH,) * len(MODALITIES), 6)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Statistics of each sensor, and of the channels of color."""
        color = pixels[0].flatten(2)
        return [*(_of(gray(one)[:, 0]) for one in pixels), torch.cat([color.mean(dim=2), color.std(dim=2)], dim=1)]


def _of(image: Float[Tensor, "b s s"]) -> Float[Tensor, "b f"]:
    flat = image.flatten(1)
    mean, deviation = flat.mean(dim=1), flat.std(dim=1)
    normal = (flat - mean[:, None]) / (deviation[:, None] + _EPSILON)
    levels = _quantiles(flat)
    inside = ellipse(image.shape[-1], like=image).bool()
    face = image[:, inside]
    steps = image[:, 1:, 1:] - image[:, :-1, 1:], image[:, 1:, 1:] - image[:, 1:, :-1]
    around = image[:, 2:, 1:-1] + image[:, :-2, 1:-1] + image[:, 1:-1, 2:] + image[:, 1:-1, :-2]
    second = around - 4 * image[:, 1:-1, 1:-1]
    moments = [mean, deviation, normal.pow(3).mean(dim=1), normal.pow(4).mean(dim=1)]
    others = [
        (flat <= 0.5 / 255).to(flat.dtype).mean(dim=1), (flat >= 1 - 0.5 / 255).to(flat.dtype).mean(dim=1),
        (steps[0].abs() + steps[1].abs()).mean(dim=(1, 2)), second.abs().mean(dim=(1, 2)),
        face.mean(dim=1), face.std(dim=1),
    ]  # fmt: skip
    return torch.cat([torch.stack(moments, dim=1), levels, torch.stack(others, dim=1)], dim=1)


def _quantiles(flat: Float[Tensor, "b n"]) -> Float[Tensor, "b q"]:
    """Quantiles by linear interpolation between the two values around each, as `torch.quantile`."""
    ordered = flat.sort(dim=1).values
    places = [share * (flat.shape[1] - 1) for share in _QUANTILES]
    found = [torch.lerp(ordered[:, int(p)], ordered[:, min(int(p) + 1, flat.shape[1] - 1)], p % 1) for p in places]
    return torch.stack(found, dim=1)
