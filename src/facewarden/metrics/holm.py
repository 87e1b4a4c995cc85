"""Holm's correction: several comparisons, of which any that is called clear is wrong with 5 % probability at most."""

from __future__ import annotations

from collections.abc import Mapping

from facewarden.core.errors import BadInputError


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p values; a comparison is clear at 5 % where its adjusted value is below 0.05.

    Of m values in rising order the k-th (from 0) is multiplied by m - k, made no smaller than the one before, and cut
    at 1.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.

    Args:
        values: comparison -> p value.

    Raises:
        BadInputError: a value outside 0 to 1.

    >>> {name: round(value, 3) for name, value in holm({"a": 0.01, "b": 0.04, "c": 0.03}).items()}
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    wrong = [name for name, value in values.items() if not 0 <= value <= 1]
    if wrong:
        raise BadInputError(f"p value of {wrong[0]} is {values[wrong[0]]}", hint="from 0 to 1")
    found: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(values, key=lambda one: values[one])):
        largest = max(largest, min(1.0, (len(values) - place) * values[name]))
        found[name] = largest
    return {name: found[name] for name in values}
