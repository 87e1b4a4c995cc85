"""BIM: FGSM in small steps from the clean image."""

from __future__ import annotations

from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class BIM(Attack):
    """The basic iterative method, also called I-FGSM: `PGD` that starts at the clean image.

    There `PushAway` has no gradient: that goal needs `random_start`.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Kurakin et al., Adversarial Examples in the Physical World (2017), section 2.2.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
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
        )

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = BIM
