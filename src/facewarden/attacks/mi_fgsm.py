"""MI-FGSM: small steps along a running sum of gradients, which transfers better than bare gradients."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core.settings import NotNegative


@dataclass(frozen=True, kw_only=True, eq=False)
class MIFGSM(GradientAttack):
    """The momentum iterative method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Dong et al., Boosting Adversarial Attacks with Momentum (2018), algorithm 1.
    """

    decay: NotNegative = 1.0

    def rule(self) -> AscentRule:
        """Ascent along a running sum of gradients."""
        return AscentRule(decay=self.decay)


entry = MIFGSM
