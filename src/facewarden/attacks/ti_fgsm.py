"""TI-FGSM: gradients smoothed by a kernel, as if averaged over shifted images."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.diversity import Diversity, Smallest
from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.attacks.parts.smoothing import Shape, make_kernel
from facewarden.core.settings import Count, NotNegative, Positive, Share


@dataclass(frozen=True, kw_only=True, eq=False)
class TIFGSM(GradientAttack):
    """The translation-invariant method, with input diversity as in common libraries.

    Made for transfer: on the model whose gradients it reads it is weaker than `pgd`.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 1 combines the method with `mi_fgsm`.
        kernel: gaussian, linear or uniform.
        kernel_size: side of the kernel in pixels, odd.
        deviations: standard deviations between the Gaussian's center and its border.
        smallest: smallest side of the shrunken image, as a share.
        probability: how often an image is shrunk and moved at all.

    Raises:
        BadInputError: a value out of range, a kernel with an even side, or restarts that would all be equal.

    Source: Dong et al., Evading Defenses to Transferable Adversarial Examples by Translation-Invariant Attacks
    (2019), equation 8.
    """

    decay: NotNegative = 0.0
    kernel: Shape = "gaussian"
    kernel_size: Count = 15
    deviations: Positive = 3.0
    smallest: Smallest = 0.9
    probability: Share = 0.5

    def rule(self) -> AscentRule:
        """Gradients through random geometry, smoothed by the kernel."""
        return AscentRule(
            decay=self.decay,
            diversity=Diversity(self.smallest, self.probability),
            kernel=make_kernel(self.kernel, size=self.kernel_size, deviations=self.deviations),
        )


entry = TIFGSM
