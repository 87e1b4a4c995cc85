"""Random noise of the allowed size: the control whose success every attack must beat."""

from __future__ import annotations

from typing import ClassVar

from facewarden.attacks.parts.steps import check_count, keep_better, scatter
from facewarden.core.attack import Attack, MeteredObjective
from facewarden.core.objective import Images


class Noise(Attack):
    """Noise that knows nothing of the model: uniform in the Linf cube, or on the surface of the L2 ball.

    Args:
        draws: how many draws to make; each sample keeps the one with the highest loss. One draw asks the model nothing.

    Raises:
        BadInputError: fewer than one draw.
    """

    needs_gradients: ClassVar[bool] = False

    def __init__(self, *, draws: int = 1) -> None:
        self.draws = check_count(draws, what="draws")

    def perturb(self, objective: MeteredObjective) -> Images:
        """Return the noisy images."""
        return keep_better(objective, [scatter(objective, stream=draw, surface=1.0) for draw in range(self.draws)])


entry = Noise
