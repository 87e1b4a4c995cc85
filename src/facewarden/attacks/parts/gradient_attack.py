"""Base of the attacks that differ in how a projected gradient ascent takes its steps: their shared arguments."""

# No `from __future__ import annotations`: the constructor that a subclass gets is made in the subclass's module, and
# whoever reads its types there must find types, not names that only this module imports.

from dataclasses import dataclass, field
from typing import TypedDict, final

from torch import Tensor

from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.gradient_ascent import GradientAscent
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.precision import Precision


class AscentOptions(TypedDict, total=False):
    """Arguments of `GradientAscent` in which attacks differ."""

    decay: float
    look_ahead: bool
    diversity: Diversity
    kernel: Tensor
    scales: int
    neighbors: int
    radius: float


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientAttack(Attack):
    """A projected gradient ascent; a subclass adds its own arguments as fields and says what they change.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.

    Raises:
        BadInputError: a value that makes no sense.
    """

    steps: int = 10
    step_size: float | None = None
    random_start: bool = False
    restarts: int = 1
    stop_at_success: bool = False
    precision: Precision = "float32"
    ascent: GradientAscent = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ascent = GradientAscent(
            steps=self.steps,
            step_size=self.step_size,
            random_start=self.random_start,
            restarts=self.restarts,
            stop_at_success=self.stop_at_success,
            precision=self.precision,
            **self.options(),
        )
        object.__setattr__(self, "ascent", ascent)

    def options(self) -> AscentOptions:
        """What the method changes in the plain ascent along the gradient."""
        return {}

    @final
    def perturb(self, objective: CountedObjective) -> Images:
        """Return the last images of the ascent, the best of all restarts."""
        return self.ascent.run(objective)
