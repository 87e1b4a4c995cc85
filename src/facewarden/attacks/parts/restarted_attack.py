"""Base of the attacks that search in steps, from several starts: their shared arguments and the walk."""

# No `from __future__ import annotations`: the constructor that a subclass gets is made in the subclass's module, and
# whoever reads its types there must find types, not names that only this module imports.

from abc import abstractmethod
from dataclasses import dataclass
from typing import final

from facewarden.attacks.parts.restarts import Trail, run_restarts
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.counted_objective import Climb
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields


@dataclass(frozen=True, kw_only=True, eq=False)
class RestartedAttack(Attack):
    """Several tries of some gradient steps; a subclass adds its own arguments as fields, and says what a try is.

    Args:
        steps: gradient steps of each restart.
        restarts: tries from different starts; each sample keeps the best one.
        stop_at_success: each sample keeps the first images that succeed and costs nothing from there on.
        precision: "bfloat16" reads gradients under autocast with channels-last images.

    Raises:
        BadInputError: a value out of range.
    """

    steps: Count = 10
    restarts: Count = 1
    stop_at_success: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_precision(self.precision))
        check_fields(self)

    @abstractmethod
    def start(self, objective: CountedObjective, restart: int) -> Trail:
        """Begin a try of some samples."""

    @property
    def climb(self) -> Climb:
        """What the tries climb, and what decides between them."""
        return "loss"

    @final
    def perturb(self, objective: CountedObjective) -> Images:
        """Return the best images of all restarts."""
        return run_restarts(
            objective,
            self.start,
            steps=self.steps,
            restarts=self.restarts,
            stop_at_success=self.stop_at_success,
            by=self.climb,
        )
