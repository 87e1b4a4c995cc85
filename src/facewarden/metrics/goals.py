"""Whether a goal is reached, judged by the interval of a measured number and never by its point value."""

from __future__ import annotations

from facewarden.metrics.intervals import Interval

REACHED, NOT_SHOWN, MISSED = "reached", "not shown", "missed"


def at_most(found: Interval, limit: float) -> str:
    """Judge a goal that a number is no larger than a limit.

    Args:
        found: the number with its interval.
        limit: in the unit of the number.

    Returns:
        "reached" where the whole interval is within the limit, "missed" where all of it is beyond, else "not shown".

    >>> at_most(Interval(0.05, 0.02, 0.09, 40, "x"), 0.1), at_most(Interval(0.05, 0.02, 0.12, 40, "x"), 0.1)
    ('reached', 'not shown')
    """
    return REACHED if found.high <= limit else MISSED if found.low > limit else NOT_SHOWN


def at_least(found: Interval, limit: float) -> str:
    """Judge a goal that a number is no smaller than a limit, see `at_most`."""
    return REACHED if found.low >= limit else MISSED if found.high < limit else NOT_SHOWN
