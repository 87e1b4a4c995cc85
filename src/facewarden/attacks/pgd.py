"""PGD: many small gradient steps inside the budget, the standard white-box attack."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.attacks.parts.gradient_attack import GradientAttack


@dataclass(frozen=True, kw_only=True, eq=False)
class PGD(GradientAttack):
    """Projected gradient ascent in an Linf or L2 ball.

    Each modality of the threat model has a ball of its own: with L2, the length of the change is bounded per modality,
    not over all of them together.

    Args:
        steps: gradient steps of each restart.
        step_size: length of a step in units of the [0, 1] pixel range; by default eps / 4 with Linf (2/255 for a budget
            of 8/255) and eps / 5 with L2.
        random_start: start at a random point of the budget instead of the clean image. `PushAway` needs it, because its
            gradient is zero at the clean image.
        restarts: walks from different starts; each sample keeps the one with the highest final loss.
        stop_at_success: each sample keeps the first images that succeed and costs nothing from there on, at one query
            a step; the walks of the others stay what they were. Without it a sample keeps its last images.
        precision: "bfloat16" reads gradients under autocast with channels-last images, about twice as fast on
            convolutions; success is measured in float32 all the same.

    Raises:
        BadInputError: a count below one, a step size that is not positive, or restarts that would all be equal.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks (2018), section 2.1.
    """

    random_start: bool = True


entry = PGD
