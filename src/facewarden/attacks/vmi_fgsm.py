"""VMI-FGSM: momentum corrected by how gradients vary around the image."""

from __future__ import annotations

from pathlib import Path

from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class VMIFGSM(Attack):
    """The variance-tuned momentum method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.
        neighbors: random points around the image; as many further gradients a step (the last step needs none).
        radius: of the neighborhood, in units of eps.
        look_ahead: read the gradient where the momentum would lead (VNI-FGSM).

    Raises:
        BadInputError: a value that makes no sense.

    Source: Wang and He, Enhancing the Transferability of Adversarial Attacks through Variance Tuning (2021),
    algorithm 1.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 1.0,
        neighbors: int = 5,
        radius: float = 1.5,
        look_ahead: bool = False,
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
            neighbors=neighbors,
            radius=radius,
            look_ahead=look_ahead,
        )

    @classmethod
    def example(cls, folder: Path) -> VMIFGSM:
        """A short walk for tests of every attack; nothing is written."""
        return cls(steps=5, neighbors=2)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = VMIFGSM
