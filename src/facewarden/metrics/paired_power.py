"""Which difference of two success rates on the same captures a run can show, computed before it runs."""

from __future__ import annotations

import math
from statistics import NormalDist

from facewarden.core.errors import BadInputError


def detectable_difference(
    samples: int,
    *,
    rate: float = 0.5,
    agreement: float = 0.0,
    per_subject: int = 1,
    correlation: float = 0.0,
    comparisons: int = 1,
    power: float = 0.8,
    confidence: float = 0.95,
) -> float:
    """The smallest true difference of two rates whose paired interval is clear of zero with the asked power.

    Args:
        samples: captures that both rates are of.
        rate: about which both lie; one half is the least favorable.
        agreement: correlation of the two outcomes of one capture; 0 for attacks that have nothing in common.
        per_subject: captures of each person.
        correlation: of the differences within a person, 0 to 1.
        comparisons: how many are made; the confidence of each is raised so that all hold together (Bonferroni).
        power: chance of seeing the difference.
        confidence: of the two-sided intervals together.

    Raises:
        BadInputError: a number out of range.

    >>> round(detectable_difference(300, rate=0.3, agreement=0.5), 3)
    0.074
    """
    if samples < 1 or per_subject < 1 or comparisons < 1:
        raise BadInputError(f"{samples} samples, {per_subject} a subject, {comparisons} comparisons", hint="1 or more")
    if not (0 < rate < 1 and 0 <= agreement < 1 and 0 <= correlation <= 1 and 0 < power < 1 and 0 < confidence < 1):
        raise BadInputError("rate, power and confidence lie between 0 and 1, agreement and correlation from 0",
                            hint="rate=0.3, agreement=0.5")  # fmt: skip
    normal = NormalDist()
    width = normal.inv_cdf(1 - (1 - confidence) / (2 * comparisons)) + normal.inv_cdf(power)
    variance = 2 * rate * (1 - rate) * (1 - agreement) * (1 + (per_subject - 1) * correlation)
    return width * math.sqrt(variance / samples)
