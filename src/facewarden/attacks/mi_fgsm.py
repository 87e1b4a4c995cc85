"""MI-FGSM: small steps along a running sum of gradients, which transfers better than bare gradients."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.gradient_attack import AscentOptions, GradientAttack


@dataclass(frozen=True, kw_only=True, eq=False)
class MIFGSM(GradientAttack):
    """The momentum iterative method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Dong et al., Boosting Adversarial Attacks with Momentum (2018), algorithm 1.
    """

    decay: float = 1.0

    def options(self) -> AscentOptions:
        """Ascent along a running sum of gradients."""
        return {"decay": self.decay}


entry = MIFGSM
