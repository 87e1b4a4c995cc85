"""Numbers that a person gives: NaN and infinity are no limits, thresholds or shares."""

from __future__ import annotations

import math

from facewarden.core.errors import BadInputError


def finite(value: float, *, what: str) -> float:
    """Return a number that is one.

    Args:
        value: as given.
        what: its name, for the error.

    Raises:
        BadInputError: it is NaN or infinite.

    Example:
        >>> finite(0.5, what="threshold")
        0.5
    """
    if not math.isfinite(value):
        raise BadInputError(f"{what} is {value}", hint="a finite number, such as 0.5")
    return value
