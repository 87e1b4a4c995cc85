"""DI-FGSM: gradients through randomly shrunken and shifted images, against overfitting to one model."""

from __future__ import annotations

from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class DIFGSM(Attack):
    """The diverse inputs method: every gradient is read through a random size and place of the image.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 1 combines the method with `mi_fgsm`.
        smallest: smallest side of the shrunken image, as a share.
        probability: how often an image is shrunk and moved at all.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Xie et al., Improving Transferability of Adversarial Examples with Input Diversity (2019), section 3.3.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 0.0,
        smallest: float = 0.9,
        probability: float = 0.5,
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
            diversity=Diversity(smallest, probability),
        )

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = DIFGSM
