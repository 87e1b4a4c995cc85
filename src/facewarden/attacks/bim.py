"""BIM: FGSM in small steps from the clean image."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.gradient_attack import GradientAttack


@dataclass(frozen=True, kw_only=True, eq=False)
class BIM(GradientAttack):
    """The basic iterative method, also called I-FGSM: `PGD` that starts at the clean image.

    There `PushAway` has no gradient: that goal needs `random_start`.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.

    Source: Kurakin et al., Adversarial Examples in the Physical World (2017), section 2.2.
    """


entry = BIM
