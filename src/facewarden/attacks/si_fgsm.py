"""SI-FGSM: gradients averaged over darker copies of the image, with Nesterov momentum."""

from __future__ import annotations

from pathlib import Path

from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class SIFGSM(Attack):
    """The scale-invariant method (SI-NI-FGSM): copies of the image divided by 1, 2, 4 … look alike to many models.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.
        scales: how many copies, each half as bright as the one before; as many gradients a step.
        look_ahead: read the gradients where the momentum would lead; False gives the method on `mi_fgsm`.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Lin et al., Nesterov Accelerated Gradient and Scale Invariance for Adversarial Attacks (2020),
    algorithm 1.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 1.0,
        scales: int = 5,
        look_ahead: bool = True,
        random_start: bool = False,
        restarts: int = 1,
        stop_at_success: bool = False,
        precision: Precision = "float32",
    ) -> None:
        self.ascent = GradientAscent(
            steps=steps,
            step_size=step_size,
            random_start=random_start,
            restarts=restarts,
            stop_at_success=stop_at_success,
            precision=precision,
            decay=decay,
            scales=scales,
            look_ahead=look_ahead,
        )

    @classmethod
    def example(cls, folder: Path) -> SIFGSM:
        """A short walk for tests of every attack; nothing is written."""
        return cls(steps=5, scales=2)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = SIFGSM
