"""Throw-away attack: one step along the gradient, as an example of the smallest file that works."""

from __future__ import annotations

from facewarden.core.attack import Attack
from facewarden.core.counted_objective import CountedObjective
from facewarden.core.objective import Images


class ThrowAway(Attack):
    """Moves every image along the gradient at the clean image; the base class projects onto the budget."""

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the moved images."""
        gradients, _ = objective.gradient(objective.clean, valued=False)
        return {**objective.clean, **{name: objective.clean[name] + g.sign() for name, g in gradients.items()}}


entry = ThrowAway
