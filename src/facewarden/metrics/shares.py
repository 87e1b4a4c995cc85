"""Bounds of a share of rows (an error rate, a success rate) whose rows come in clusters, one a person.

The rows of one person are alike, so n rows carry less evidence than n independent ones. The sample size is divided by
the design effect, the factor by which the variance between people exceeds that of independent rows, and the bounds are
those of Clopper and Pearson at that size. Where errors are few the design effect cannot be estimated; it is then drawn
towards the one of a correlation of 0.5 within a person. Nothing special happens at 0 or at 1.

**More errors never lower a bound.** An estimated design effect alone would break that: one more error, on a person
without any so far, can make errors look less clustered. So the upper bound is the highest among those of all ways to
take errors away, and the lower bound, by symmetry, the lowest among those of all ways to add some.
"""

from __future__ import annotations

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Floats

CORRELATION = 0.5
"""Correlation of the errors within a person that is assumed until errors say otherwise."""

ASSUMED = 0.5
"""Weight of that assumption, counted in errors of different people."""

_STEPS = 1024
_MANY = 1024  # people; of fewer, the sum over people is taken person by person


def share_bounds(errors: Floats, rows: Floats, *, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of a share, from the counts of every person.

    Args:
        errors: (people,) how many of a person's rows count.
        rows: (people,) how many rows a person has, one at least.
        confidence: of the two-sided interval.

    Raises:
        BadInputError: no people, or a person with more errors than rows.

    Source: Korn and Graubard, Survey Methodology 24, 1998 (Clopper and Pearson on the effective sample size, with the
    degrees of freedom of the people); the assumed correlation and the monotone envelope are this module's.

    >>> low, high = share_bounds(np.zeros(20), np.ones(20))
    >>> round(low, 3), round(high, 3)
    (0.0, 0.168)
    """
    counts, sizes = np.asarray(errors, np.float64), np.asarray(rows, np.float64)
    if not sizes.size or counts.shape != sizes.shape or (sizes < 1).any() or (counts < 0).any():
        raise BadInputError(f"{counts.shape} counts of {sizes.shape} people", hint="one count for each person")
    if (counts > sizes).any():
        raise BadInputError("a person has more errors than rows", hint="count each row once")
    high = _highest(counts, sizes, confidence)
    return 1.0 - _highest(sizes - counts, sizes, confidence), high


def unseen_share(n: int, people: int, *, confidence: float = 0.95) -> float:
    """The largest share that people of a kind nobody has seen may have: the upper bound of 0 errors in n rows.

    Args:
        n: rows, shared alike among the people.
        people: how many.
        confidence: of the two-sided interval.
    """
    sizes = np.full(max(people, 1), max(n, people, 1) / max(people, 1))
    return float(_upper(np.zeros(1), np.zeros(1), sizes, confidence)[0])


def direct_upper_ends(errors: Floats, rows: Floats, *, confidence: float = 0.95) -> Floats:
    """Upper bounds of many tables of one layout, before they are made monotone: never above `share_bounds`.

    Args:
        errors: (tables, people).
        rows: (people,).
        confidence: of the two-sided interval.
    """
    total = errors.sum(axis=1)
    spread = np.square(errors - np.outer(total / rows.sum(), rows)).sum(axis=1)
    return _upper(total, spread, rows, confidence)


def _upper(total: Floats, spread: Floats, rows: Floats, confidence: float) -> Floats:
    """(k,) upper bounds from (k,) errors and (k,) sums over people of (errors - rows * share) squared."""
    from scipy.special import betaincinv, stdtrit

    n, people = float(rows.sum()), rows.size
    size = float(np.square(rows).sum()) / n  # rows of the person behind a row drawn at random
    share, level = total / n, 0.5 + confidence / 2
    assumed = 1.0 + (size - 1.0) * CORRELATION
    independent = n * share * (1.0 - share) * n / max(n - 1.0, 1.0)
    between = spread * people / max(people - 1, 1)
    effect = (between / assumed + ASSUMED * assumed) / (independent / assumed + ASSUMED)
    freedom = (stdtrit(n - 1, level) / stdtrit(people - 1, level)) ** 2 if people > 1 else 0.0
    # rows of a person can at worst repeat each other: then people count, and nothing has to be estimated
    effective = np.maximum(freedom * n / np.maximum(effect, 1.0), n / size)
    bound: Floats = betaincinv(share * effective + 1.0, np.maximum((1.0 - share) * effective, 1e-12), level)
    return np.where(share >= 1.0, 1.0, bound)


def _highest(errors: Floats, rows: Floats, confidence: float) -> float:
    """The highest upper bound among the tables that have no error that this one has not.

    For every number of errors kept, the largest spread that they can have decides. Errors are kept by whole people,
    those first that spread most; the last person may be kept in part, as in the fractional knapsack, which bounds the
    largest spread from above, grows with every error and is exact where all errors are kept. Of many people, those
    with the same errors and rows are kept together, since they spread alike.
    """
    total = float(errors.sum())
    many = rows.size > _STEPS
    if (
        many and bool((rows == 1).all()) and bool(((errors == 0) | (errors == 1)).all())
    ):  # one row each: nothing is clustered
        spread = total * (1.0 - total / rows.size)
        return float(_upper(np.array([total]), np.array([spread]), rows, confidence)[0])
    whole = total <= _STEPS and bool((errors == np.floor(errors)).all())
    kept = np.arange(total + 1.0) if whole else np.linspace(0.0, total, _STEPS + 1)
    some = errors > 0
    counts, sizes, people = errors[some], rows[some], np.ones(int(some.sum()))
    if many:
        kinds, sums = np.unique(counts + 1j * sizes, return_counts=True)
        counts, sizes, people = kinds.real, kinds.imag, sums.astype(np.float64)
    if not counts.size:
        return float(_upper(np.zeros(1), np.zeros(1), rows, confidence)[0])
    squares = float(np.square(rows).sum())
    found = 0.0
    step = max(1, 1_000_000 // counts.size)
    for start in range(0, kept.size, step):
        part = kept[start : start + step]
        share = part / rows.sum()
        gain = counts[None] - 2.0 * share[:, None] * sizes[None]  # spread per error kept
        order = np.argsort(-gain, axis=1, kind="stable")
        errors_of = (counts * people)[order]
        errors_so_far = np.cumsum(errors_of, axis=1)
        spread_so_far = np.cumsum(errors_of * np.take_along_axis(gain, order, axis=1), axis=1)
        place = np.minimum((errors_so_far < part[:, None]).sum(axis=1), counts.size - 1)
        at = np.arange(part.size)
        over = errors_so_far[at, place] - part
        last = gain[at, order[at, place]]
        spread = np.square(share) * squares + spread_so_far[at, place] - over * last
        found = max(found, float(_upper(part, np.maximum(spread, 0.0), rows, confidence).max()))
    return found
