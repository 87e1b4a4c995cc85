"""Count to a number, as an example of the smallest verb that works."""

from __future__ import annotations

from facewarden.core.errors import BadInputError


def count(number: int = 3) -> list[int]:
    """Count to a number.

    Args:
        number: where to stop.

    Raises:
        BadInputError: the number is negative.
    """
    if number < 0:
        raise BadInputError(f"cannot count to {number}", hint="facewarden throw_away --number 3")
    return list(range(1, number + 1))


def show(result: list[int]) -> int:
    """Print the numbers."""
    print(*result)  # noqa: T201
    return 0


entry = count
