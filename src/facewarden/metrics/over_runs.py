"""Intervals over whole training runs, where each run is one draw: Student's t, for a handful of them."""

from __future__ import annotations

import math

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, checked_scores
from facewarden.metrics.intervals import Interval

STUDENT = "t over runs"


def t_interval(values: Array, *, confidence: float = 0.95) -> Interval:
    """Interval of the mean of independent runs by Student's t distribution.

    Args:
        values: (n,) a figure of each run, two at least.
        confidence: of the two-sided interval.

    Raises:
        BadInputError: fewer than two runs, or a confidence outside 0 to 1.

    >>> found = t_interval(np.array([0.4, 0.5, 0.6]))
    >>> round(found.low, 3), round(found.high, 3)
    (0.252, 0.748)
    """
    runs = checked_scores(values, what="runs")
    if runs.size < 2:
        raise BadInputError(f"{runs.size} runs have no spread", hint="seeds: [0, 1, 2]")
    mean = float(runs.mean())
    half = t_quantile(runs.size - 1, confidence=confidence) * float(np.std(runs, ddof=1)) / math.sqrt(runs.size)
    return Interval(value=mean, low=mean - half, high=mean + half, n=runs.size, method=STUDENT)


def t_quantile(freedom: int | float, *, confidence: float) -> float:
    """How far from 0 Student's t stays with this probability, on either side.

    Args:
        freedom: degrees of freedom; a fraction is allowed, as Satterthwaite gives it.
        confidence: two-sided.

    Raises:
        BadInputError: no degree of freedom, or a confidence outside 0 to 1.
    """
    if freedom < 1 or not 0 < confidence < 1:
        raise BadInputError(f"no t quantile for {freedom} degrees of freedom at {confidence}", hint="0.95 for 95 %")
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))
