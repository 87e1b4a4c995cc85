"""FGSM: one step along the gradient at the clean image, the cheapest white-box attack."""

from __future__ import annotations

from facewarden.attacks.parts.steps import ascend
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images


class FGSM(Attack):
    """The fast gradient sign method; with an L2 budget, its normalized-gradient twin.

    The step is as long as the budget; every modality of the threat model moves in the same step. It starts at the clean
    image, where `PushAway` has no gradient: use `pgd` with a random start for that goal.

    Source: Goodfellow et al., Explaining and Harnessing Adversarial Examples (2015), section 4.
    """

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the images after the one step."""
        gradients, _ = objective.gradient(objective.clean, valued=False)
        return ascend(objective.clean, gradients, norm=objective.threat.norm, size=objective.threat.eps)


entry = FGSM
