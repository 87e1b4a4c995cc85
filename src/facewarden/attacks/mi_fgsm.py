"""MI-FGSM: small steps along a running sum of gradients, which transfers better than bare gradients."""

from __future__ import annotations

from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class MIFGSM(Attack):
    """The momentum iterative method.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 0 forgets it.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Dong et al., Boosting Adversarial Attacks with Momentum (2018), algorithm 1.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 1.0,
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
        )

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = MIFGSM
