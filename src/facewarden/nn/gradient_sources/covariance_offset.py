"""The ablation of SFA without generators: the gradient is read at the image plus a draw from its class's covariance."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import AttackView, GradientQuery, GradientSource
from facewarden.core.objective import Images


class CovarianceOffset(GradientSource):
    """Read gradients at z = clip(x + c e), e drawn anew at every step from N(0, covariance of the images of x's class).

    A sum of centered training images with normal weights is such a draw, exactly. It is scaled so that its largest
    value is the cap, as SFA's map is bounded by it.

    This is implicit semantic data augmentation's idea moved to where SFA works. Its own closed form says nothing here:
    with two classes it adds the same number to one logit of every sample of a class, which changes no sign of any
    gradient.

    Args:
        images: label -> `(n, 3, h, w)` training images of that class; resized to the attacked images.
        cap: largest change of a pixel, in units of the [0, 1] pixel range.

    Raises:
        BadInputError: a class with fewer than two images, or a cap that is not positive.

    Source: Wang et al., Implicit Semantic Data Augmentation for Deep Networks (2019), section 3, in pixels.
    """

    def __init__(self, images: Mapping[int, Tensor], *, cap: float = 3 / 255) -> None:
        if {len(images.get(label, ())) >= 2 for label in (0, 1)} != {True} or not 0.0 < cap <= 1.0:
            raise BadInputError(
                f"covariance of {', '.join(f'{len(v)} images of {k}' for k, v in images.items())}, cap {cap:g}",
                hint="two or more images of each class, cap=3/255",
            )
        self.cap = cap
        self._centered = {label: stack - stack.mean(dim=0) for label, stack in images.items()}

    def looks(self, images: Images, *, objective: AttackView, state: dict[str, Tensor]) -> list[GradientQuery]:
        """One look, at the image plus the draw.

        Raises:
            BadInputError: the attack does not touch rgb, or the goal has no labels.
        """
        if objective.label is None or "rgb" not in objective.threat.modalities:
            raise BadInputError("class covariance needs labels and an attack on rgb", hint="attack a detector's rgb")
        rgb = images["rgb"]
        labels, draws = objective.label.tolist(), objective.draws("covariance")
        shifts = [self._draw(label, draw) for label, draw in zip(labels, draws, strict=True)]
        if not shifts:
            return [GradientQuery(images)]
        shift = functional.interpolate(torch.stack(shifts).to(rgb), size=rgb.shape[-2:], mode="bilinear")
        shift = self.cap * shift / shift.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
        return [GradientQuery({**images, "rgb": (rgb + shift).clamp(0.0, 1.0)})]

    def _draw(self, label: int, generator: torch.Generator) -> Tensor:
        centered = self._centered[label]
        weights = torch.randn(len(centered), generator=generator).to(centered)
        return torch.einsum("n,nchw->chw", weights, centered)
