"""VMI-FGSM: momentum corrected by how gradients vary around the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facewarden.attacks.parts.gradient_ascent import AscentRule
from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core.settings import NotNegative, Whole


@dataclass(frozen=True, kw_only=True, eq=False)
class VMIFGSM(GradientAttack):
    """The variance-tuned momentum method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.
        neighbors: random points around the image; as many further gradients a step (the last step needs none).
        radius: of the neighborhood, in units of eps.
        look_ahead: read the gradient where the momentum would lead (VNI-FGSM).

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Wang and He, Enhancing the Transferability of Adversarial Attacks through Variance Tuning (2021),
    algorithm 1.
    """

    decay: NotNegative = 1.0
    neighbors: Whole = 5
    radius: NotNegative = 1.5
    look_ahead: bool = False

    @classmethod
    def example(cls, folder: Path) -> VMIFGSM:
        """A short walk for tests of every attack; nothing is written."""
        return cls(steps=5, neighbors=2)

    def rule(self) -> AscentRule:
        """Momentum corrected by the gradients around the image."""
        return AscentRule(decay=self.decay, neighbors=self.neighbors, radius=self.radius, look_ahead=self.look_ahead)


entry = VMIFGSM
