"""Intervals of what is computed from two rates that have intervals of their own."""

from __future__ import annotations

import math

from facewarden.metrics.intervals import Interval


def rate_difference(first: Interval, second: Interval) -> Interval:
    """Interval of `first - second` from the intervals of the two rates.

    Its upper end rises with the first rate and with its bounds, which a bootstrap of the difference does not promise.
    Rates of the same people are taken for independent: where they rise and fall together the interval is too wide.

    Args:
        first: a rate.
        second: the rate that is taken off.

    Source: Zou and Donner, Statistics in Medicine 27, 2008 (method of variance estimates recovery).

    >>> one, two = Interval(0.5, 0.47, 0.54, 90, "a"), Interval(0.1, 0.07, 0.14, 90, "a")
    >>> found = rate_difference(one, two)
    >>> round(found.value, 6), round(found.low, 6), round(found.high, 6)
    (0.4, 0.35, 0.45)
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    methods = " and ".join(sorted({first.method, second.method}))
    low, high = max(-1.0, value - below), min(1.0, value + above)
    return Interval(value, low, high, n=min(first.n, second.n), method=f"combined from {methods}")
