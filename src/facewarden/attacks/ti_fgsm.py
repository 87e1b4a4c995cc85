"""TI-FGSM: gradients smoothed by a kernel, as if averaged over shifted images."""

from __future__ import annotations

from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.attacks.parts.smoothing import Shape, make_kernel
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class TIFGSM(Attack):
    """The translation-invariant method, with input diversity as in common libraries.

    Made for transfer: on the model whose gradients it reads it is weaker than `pgd`.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.
        decay: share of the momentum that the next step keeps; 1 combines the method with `mi_fgsm`.
        kernel: gaussian, linear or uniform.
        kernel_size: side of the kernel in pixels, odd.
        deviations: standard deviations between the Gaussian's center and its border.
        smallest: smallest side of the shrunken image, as a share.
        probability: how often an image is shrunk and moved at all.

    Raises:
        BadInputError: a value that makes no sense.

    Source: Dong et al., Evading Defenses to Transferable Adversarial Examples by Translation-Invariant Attacks
    (2019), equation 8.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 0.0,
        kernel: Shape = "gaussian",
        kernel_size: int = 15,
        deviations: float = 3.0,
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
            kernel=make_kernel(kernel, size=kernel_size, deviations=deviations),
        )

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return self.ascent.run(objective)


entry = TIFGSM
