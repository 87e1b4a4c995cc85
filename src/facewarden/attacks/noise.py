"""Random noise of the allowed size: the control whose success every attack must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from facewarden.attacks.parts.steps import best_of, random_start
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise(Attack):
    """Noise that knows nothing of the model: uniform in the Linf cube, or on the surface of the L2 ball.

    Args:
        draws: how many draws to make; each sample keeps the one with the highest loss. One draw asks the model nothing.

    Raises:
        BadInputError: fewer than one draw.
    """

    needs_gradients: ClassVar[bool] = False

    draws: Count = 1

    def __post_init__(self) -> None:
        check_fields(self)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the noisy images."""
        return best_of(objective, [random_start(objective, stream=draw, surface=1.0) for draw in range(self.draws)])


entry = Noise
