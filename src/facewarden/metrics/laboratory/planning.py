"""Sample sizes for claims on error rates: exact binomial bounds, power, clustering, and the sequential 10/20 rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facewarden.core.errors import BadInputError

FEW = 10
"""Presentations of an artifact before the sequential rule decides or asks for as many again."""


def upper_bound(errors: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson upper bound of an error rate of independent trials.

    Args:
        errors: of the trials.
        n: trials.
        confidence: of the one-sided bound.

    >>> round(upper_bound(0, 20), 3), round(upper_bound(0, 150), 3), round(upper_bound(0, 900), 4)
    (0.139, 0.02, 0.0033)
    """
    from scipy.special import betaincinv

    if not 0 <= errors <= n or n < 1:
        raise BadInputError(f"{errors} errors of {n} trials", hint="0 <= errors <= trials")
    return 1.0 if errors == n else float(betaincinv(errors + 1, n - errors, _checked(confidence)))


def trials_for(limit: float, *, errors: int = 0, confidence: float = 0.95) -> int:
    """The fewest independent trials with at most so many errors whose upper bound does not exceed a limit.

    With no error this is the rule of three, exactly: log(1 - confidence) / log(1 - limit), about 3 / limit.

    Args:
        limit: the rate that is claimed, above 0 and below 1.
        errors: that are allowed for.
        confidence: of the one-sided bound.

    >>> trials_for(0.07), trials_for(0.15), trials_for(0.01), trials_for(0.0001)
    (42, 19, 299, 29956)
    """
    _checked(limit)
    low, high = errors + 1, errors + 2
    while upper_bound(errors, high, confidence=confidence) > limit:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(errors, middle, confidence=confidence) <= limit else (middle + 1, high)
    return low


def most_errors(n: int, limit: float, *, confidence: float = 0.95) -> int:
    """How many errors of `n` independent trials still support a claim; -1 where none does."""
    if upper_bound(0, n, confidence=confidence) > limit:
        return -1
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if upper_bound(middle, n, confidence=confidence) <= limit else (low, middle - 1)
    return low


def power_of(n: int, limit: float, *, rate: float, confidence: float = 0.95) -> float:
    """How probable it is that `n` independent trials support a claim, where the true rate is `rate`."""
    from scipy.special import bdtr

    allowed = most_errors(n, limit, confidence=confidence)
    return 0.0 if allowed < 0 else float(bdtr(allowed, n, rate))


def trials_with_power(limit: float, *, rate: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """The fewest independent trials from which on a claim is supported with this probability, at a true rate.

    The power goes up and down as one more error becomes allowed; from this number of trials, no smaller one reaches it.

    Args:
        limit: the rate that is claimed.
        rate: the true one, below the limit.
        power: probability that the claim is supported.
        confidence: of the one-sided bound.

    Raises:
        BadInputError: a true rate that is not below the limit: no test supports such a claim with any certainty.
    """
    _checked(limit)
    _checked(power)
    if not 0 <= rate < limit:
        raise BadInputError(
            f"a true rate of {rate:g} does not support the claim of at most {limit:g}", hint="a rate below the limit"
        )
    for errors in range(100_000):
        # of all sizes that allow so many errors the smallest has the highest power
        n = trials_for(limit, errors=errors, confidence=confidence)
        if power_of(n, limit, rate=rate, confidence=confidence) >= power:
            return n
    raise BadInputError(f"a claim of {limit:g} at a true rate of {rate:g}: beyond any test", hint="a lower true rate")


@dataclass(frozen=True)
class ClusteredSize:
    """Presentations where people repeat.

    Attributes:
        presentations: in all.
        subjects: people.
        effect: by how much a presentation counts less than an independent one.
    """

    presentations: int
    subjects: int
    effect: float


def clustered(trials: int, *, per_subject: int, correlation: float) -> ClusteredSize:
    """Presentations of people that say as much as so many independent ones.

    Args:
        trials: independent ones.
        per_subject: presentations of each person.
        correlation: of the errors within a person, 0 to 1.

    Source: Kish, Survey Sampling, 1965 (design effect 1 + (m - 1) rho).

    >>> clustered(42, per_subject=10, correlation=0.1)
    ClusteredSize(presentations=80, subjects=8, effect=1.9)
    """
    if per_subject < 1 or not 0 <= correlation <= 1:
        raise BadInputError(
            f"{per_subject} presentations a subject, correlation {correlation}", hint="1 or more, and 0 to 1"
        )
    effect = 1 + (per_subject - 1) * correlation
    subjects = math.ceil(trials * effect / per_subject - 1e-9)
    return ClusteredSize(subjects * per_subject, subjects, effect)


def sequential_verdict(first: int, second: int | None = None) -> str:
    """Outcome of the sequential rule for one artifact: "pass", "fail" or "ten more".

    Ten presentations: at most one success of the attacker passes, three fail; two ask for ten more, which must bring
    none. Source: biometricITC, cPP toolboxes (PAD evaluation).

    Args:
        first: successes of the first ten presentations.
        second: of ten more, where they were made.

    >>> sequential_verdict(1), sequential_verdict(2), sequential_verdict(2, 0), sequential_verdict(2, 1)
    ('pass', 'ten more', 'pass', 'fail')
    """
    for count in (first, second):
        if count is not None and not 0 <= count <= FEW:
            raise BadInputError(f"{count} successes of {FEW} presentations", hint=f"0 to {FEW}")
    if first <= 1:
        return "pass"
    if first > 2:
        return "fail"
    return "ten more" if second is None else "pass" if second == 0 else "fail"


def sequential_power(rate: float, *, artifacts: int = 1) -> float:
    """How probable it is that all artifacts pass the sequential rule, where an attack succeeds at `rate` independently.

    >>> round(sequential_power(0.0), 3), round(sequential_power(0.15), 3), round(sequential_power(0.15, artifacts=9), 4)
    (1.0, 0.599, 0.0099)
    """
    few = sum(_binomial(k, rate) for k in (0, 1))
    return float((few + _binomial(2, rate) * _binomial(0, rate)) ** artifacts)


def _binomial(k: int, rate: float) -> float:
    return math.comb(FEW, k) * rate**k * (1 - rate) ** (FEW - k)


def _checked(share: float) -> float:
    if not 0 < share < 1:
        raise BadInputError(f"{share} does not lie between 0 and 1", hint="write 5 % as 0.05")
    return share
