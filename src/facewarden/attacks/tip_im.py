"""TIP-IM style: a mask towards another person, along the momentum, that keeps the look of the face's own patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import unfold

from facewarden.attacks.parts.steps import ascend, best_of, noisy_start
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, NotNegative, Positive, check_fields

_STEP = 1 / 8  # of the budget
_TINY = 1e-12
_WIDTHS = (0.25, 1.0, 4.0)  # of the Gaussian kernels, in units of the mean squared distance of clean patches


@dataclass(frozen=True, kw_only=True, eq=False)
class TipIm(Attack):
    """Sign steps with momentum towards the best of several other people, less a price for an unnatural look.

    The paper hides a face behind a mask that moves it towards one of several identities: in each step the one that
    promises most, which is the goal's business here (`targets` of them, the highest similarity counts). It prices an
    unnatural look by the maximum mean discrepancy. Ours are: what the discrepancy compares, the patches of the masked
    face with those of the clean one, so that no photo depends on its batch; the kernel widths; and the constants.

    Args:
        steps: gradient steps.
        step_size: length of a step in units of the [0, 1] pixel range; an eighth of the budget by default.
        decay: of the momentum, a running sum of gradients divided by their mean absolute value.
        naturalness: weight of the discrepancy against the goal.
        patch: side of the patches in pixels.

    Raises:
        BadInputError: a count below one, a step size that is not positive, or a negative decay or weight.

    Source: after Yang et al., "Towards Face Encryption by Generating Adversarial Identity Masks", ICCV 2021.
    """

    wants_target: ClassVar[bool] = True
    targets: ClassVar[int] = 5

    steps: Count = 20
    step_size: Positive | None = None
    decay: NotNegative = 1.0
    naturalness: NotNegative = 1.0
    patch: Count = 8

    def __post_init__(self) -> None:
        check_fields(self)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, or the clean ones where it gained nothing."""
        threat, clean = objective.threat, objective.clean
        images = noisy_start(objective)
        size = threat.eps * _STEP if self.step_size is None else self.step_size
        memory: dict[Modality, Tensor] = {}
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            slopes, _ = objective.gradient(images)
            for name, slope in slopes.items():
                if self.naturalness > 0:
                    slope = slope - self.naturalness * self._unnatural(images[name], clean[name])
                mean = slope.abs().mean(dim=(1, 2, 3), keepdim=True) + _TINY
                memory[name] = slope / mean + self.decay * memory.get(name, 0.0)
            images = objective.project(ascend(images, memory, norm=threat.norm, size=size))
        return best_of(objective, [clean, images])

    def _unnatural(self, images: Tensor, clean: Tensor) -> Tensor:
        """Gradient of the discrepancy of every image to its clean one."""
        if not len(images):
            return torch.zeros_like(images)
        moving = images.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            total = patch_discrepancy(moving, clean, patch=min(self.patch, *images.shape[-2:])).sum()
            return torch.autograd.grad(total, moving)[0]


def patch_discrepancy(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], *, patch: int
) -> Float[Tensor, " b"]:
    """Squared maximum mean discrepancy between the patches of two images, image by image; 0 for equal sets of patches.

    Args:
        first, second: images; their patches do not overlap.
        patch: side of a patch in pixels.

    Source: Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, equation 5.
    """
    one, two = (unfold(images, patch, stride=patch).transpose(1, 2) for images in (first, second))
    within = _distances(two, two)
    unit = within.mean(dim=(1, 2), keepdim=True).detach() + _TINY
    total = torch.zeros(len(first), dtype=first.dtype, device=first.device)
    across, inside = _distances(one, two), _distances(one, one)
    for width in _WIDTHS:
        kernels = [torch.exp(-distance / (width * unit)).mean(dim=(1, 2)) for distance in (inside, within, across)]
        total = total + kernels[0] + kernels[1] - 2 * kernels[2]
    return total / len(_WIDTHS)


def _distances(one: Tensor, two: Tensor) -> Tensor:
    """Squared distances `(b, n, m)` by the binomial formula; differences of all pairs would not fit."""
    squares = one.square().sum(dim=2)[:, :, None] + two.square().sum(dim=2)[:, None]
    return (squares - 2 * one @ two.transpose(1, 2)).clamp(min=0.0)


entry = TipIm
