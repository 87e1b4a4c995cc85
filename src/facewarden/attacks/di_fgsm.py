"""DI-FGSM: gradients through randomly shrunken and shifted images, against overfitting to one model."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.diversity import Diversity, Smallest
from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core.settings import NotNegative, Share


@dataclass(frozen=True, kw_only=True, eq=False)
class DIFGSM(GradientAttack):
    """The diverse inputs method: every gradient is read through a random size and place of the image.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 1 combines the method with `mi_fgsm`.
        smallest: smallest side of the shrunken image, as a share.
        probability: how often an image is shrunk and moved at all.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Xie et al., Improving Transferability of Adversarial Examples with Input Diversity (2019), section 3.3.
    """

    decay: NotNegative = 0.0
    smallest: Smallest = 0.9
    probability: Share = 0.5

    def rule(self) -> AscentRule:
        """Gradients through random sizes and places."""
        return AscentRule(decay=self.decay, diversity=Diversity(self.smallest, self.probability))


entry = DIFGSM
