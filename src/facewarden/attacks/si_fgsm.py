"""SI-FGSM: gradients averaged over darker copies of the image, with Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core.settings import Count, NotNegative


@dataclass(frozen=True, kw_only=True, eq=False)
class SIFGSM(GradientAttack):
    """The scale-invariant method (SI-NI-FGSM): copies of the image divided by 1, 2, 4 … look alike to many models.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.
        scales: how many copies, each half as bright as the one before; as many gradients a step.
        look_ahead: read the gradients where the momentum would lead; False gives the method on `mi_fgsm`.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Lin et al., Nesterov Accelerated Gradient and Scale Invariance for Adversarial Attacks (2020),
    algorithm 1.
    """

    decay: NotNegative = 1.0
    scales: Count = 5
    look_ahead: bool = True

    @classmethod
    def example(cls, folder: Path) -> SIFGSM:
        """A short walk for tests of every attack; nothing is written."""
        return cls(steps=5, scales=2)

    def rule(self) -> AscentRule:
        """Momentum, and gradients averaged over darker copies."""
        return AscentRule(decay=self.decay, scales=self.scales, look_ahead=self.look_ahead)


entry = SIFGSM
