"""NI-FGSM: momentum that reads the gradient where it is about to go."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core.settings import NotNegative


@dataclass(frozen=True, kw_only=True, eq=False)
class NIFGSM(GradientAttack):
    """The Nesterov iterative method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Lin et al., Nesterov Accelerated Gradient and Scale Invariance for Adversarial Attacks (2020), section 3.1.
    """

    decay: NotNegative = 1.0

    def rule(self) -> AscentRule:
        """Momentum whose gradient is read ahead of the images."""
        return AscentRule(decay=self.decay, look_ahead=True)


entry = NIFGSM
