"""Base of the attacks that differ in how a projected gradient ascent takes its steps: their shared arguments."""

# No `from __future__ import annotations`: see `restarted_attack`.

from dataclasses import dataclass
from typing import final

from facewarden.attacks.parts.gradient_ascent import AscentRule, AscentState
from facewarden.attacks.parts.restarted_attack import RestartedAttack
from facewarden.core.attack import CountedObjective
from facewarden.core.errors import BadInputError
from facewarden.core.settings import Positive


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientAttack(RestartedAttack):
    """A projected gradient ascent; a subclass adds its own arguments as fields and says what they change.

    Args:
        steps, step_size, random_start, restarts, stop_at_success, precision: as in `PGD`.

    Raises:
        BadInputError: a value out of range, or restarts that would all be equal.
    """

    step_size: Positive | None = None
    random_start: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = self.rule()  # also refuses here, not in the first step, what does not fit together
        if self.restarts > 1 and not (self.random_start or rule.draws):
            raise BadInputError(f"{self.restarts} restarts without a random start are equal", hint="random_start=True")

    def rule(self) -> AscentRule:
        """What the method changes in the plain ascent along the gradient."""
        return AscentRule()

    @final
    def start(self, objective: CountedObjective, restart: int) -> AscentState:
        """Begin an ascent of some samples."""
        return AscentState(
            objective,
            restart,
            rule=self.rule(),
            steps=self.steps,
            step_size=self.step_size,
            random_start=self.random_start,
            precision=self.precision,
        )
