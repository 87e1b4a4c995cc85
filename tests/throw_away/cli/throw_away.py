"""Count to a number, as an example of the smallest verb that works."""

from __future__ import annotations

from facewarden.cli.parts.outcome import Outcome
from facewarden.core.errors import BadInputError


def count(*, number: int = 3) -> Outcome:
    """Count to a number.

    Args:
        number: where to stop.
    """
    if number < 0:
        raise BadInputError(f"cannot count to {number}", hint="facewarden throw-away --number 3")
    numbers = list(range(1, number + 1))
    return Outcome(numbers, [" ".join(map(str, numbers))])


entry = count
