"""Intervals: Wilson for proportions, and the bootstrap that resamples whole subjects.

Two presentations of one person are more alike than those of two, so rows are not independent and an interval that
treats them so is too narrow. The bootstrap here draws persons with replacement and keeps all their rows together.

**Where a bootstrap has nothing to vary** (an error rate of exactly 0 or 1, or a single subject) every replicate is
equal and the percentile interval would be a point, which would claim certainty. Proportions then get a Wilson interval
with the number of *subjects* as the sample size, because rows of one subject repeat each other; `Interval.method` says
"wilson over subjects". So 0 errors on 2000 rows of 20 subjects is reported as at most 16 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics._core import Array, Floats, checked_scores, codes_of, nonempty, same_length
from facewarden.metrics._resample import Resampling, rate_replicates, resampling

BOOTSTRAP = "bootstrap by subject"
WILSON = "wilson"
FEW_SUBJECTS = 10
WILSON_SUBJECTS = "wilson over subjects"


@dataclass(frozen=True)
class Interval:
    """A figure with the interval it lies in and how both were found.

    Attributes:
        value: the figure on the rows as they are.
        low, high: the bounds, at the confidence asked for (95 % unless said otherwise).
        n: how many rows the figure was computed on.
        method: how the bounds were found.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    @property
    def words(self) -> str:
        """A rate in percent with its bounds and count, as tables and sentences print it."""
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%}), n = {self.n}"


def in_words(found: Interval | None) -> str | None:
    """What `Interval.words` says; None where nothing was measured."""
    return None if found is None else found.words


def wilson(successes: int | float, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion of independent trials; it stays honest at 0 and at n successes.

    Args:
        successes: how many of the trials; a fraction is allowed where n is an effective size.
        n: how many trials.
        confidence: of the two-sided interval.

    Source: Wilson, JASA 22, 1927.

    >>> bounds = wilson(0, 20)
    >>> round(bounds.low, 3), round(bounds.high, 3)
    (0.0, 0.161)
    """
    if n < 1 or not 0 <= successes <= n:
        raise BadInputError(f"{successes} successes of {n} trials is no proportion", hint="pass 0 <= successes <= n")
    z = NormalDist().inv_cdf(0.5 + _checked_confidence(confidence) / 2)
    share = successes / n
    scale = 1 + z * z / n
    center = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == n else min(1.0, center + half)
    return Interval(value=share, low=low, high=high, n=n, method=WILSON)


def percentile_interval(
    value: float, replicates: Floats, *, n: int, subjects: int, confidence: float = 0.95, proportion: bool = True
) -> Interval:
    """Percentile interval of bootstrap replicates, or Wilson over subjects where all replicates are equal.

    The bounds always include the value: a skewed figure on few subjects may lie outside its own percentiles.

    Args:
        value: the figure on the rows as they are.
        replicates: (rounds,) the figure on each resample; NaN where a resample has no row of a class, not counted.
        n: rows, for the record.
        subjects: how many subjects have rows in this figure; the sample size of the fallback. Below ten of them a
            bootstrap is rough, and the method says so.
        confidence: of the two-sided interval.
        proportion: whether the figure lies in [0, 1] so that the fallback makes sense.
    """
    usable = replicates[np.isfinite(replicates)]
    if usable.size and usable.max() - usable.min() > 1e-12:
        tail = (1 - _checked_confidence(confidence)) / 2
        low, high = np.quantile(usable, [tail, 1 - tail])
        few = f", rough: only {subjects} subjects" if subjects < FEW_SUBJECTS else ""
        low, high = min(float(low), value), max(float(high), value)
        return Interval(value=value, low=low, high=high, n=n, method=BOOTSTRAP + few)
    if not proportion:
        return Interval(value=value, low=value, high=value, n=n, method="degenerate: all resamples are equal")
    bounds = wilson(value * subjects, subjects, confidence=confidence)
    return Interval(value=value, low=bounds.low, high=bounds.high, n=n, method=WILSON_SUBJECTS)


def bootstrap_by_subject(
    statistic: Callable[[Floats], float],
    subjects: Array,
    *,
    seed: int,
    rounds: int = 1000,
    confidence: float = 0.95,
    proportion: bool = True,
) -> Interval:
    """Bootstrap interval of any weighted statistic, drawing whole subjects with replacement.

    Args:
        statistic: takes (n,) row weights, which are whole numbers (how often the row's subject was drawn), and returns
            the figure; it may return NaN where the weights leave a class without rows. Called rounds + 1 times: for
            means use `mean_by_subject`, for PAD figures `presentation_summary`, which do all rounds at once.
        subjects: (n,) who is on each row.
        seed: same seed, same interval.
        rounds: how many resamples.
        confidence: of the two-sided interval.
        proportion: whether the figure lies in [0, 1]; if so a degenerate bootstrap falls back to Wilson.

    >>> errors = np.array([0.0, 1, 0, 0, 1, 0])
    >>> people = np.array(["a", "a", "b", "b", "c", "c"])
    >>> bootstrap_by_subject(lambda w: float(w @ errors / w.sum()), people, seed=0, rounds=200).high
    0.5
    """
    drawn = _drawn(subjects, seed=seed, rounds=rounds)
    replicates = np.array([statistic(weights[drawn.unit].astype(np.float64)) for weights in drawn.weights])
    return percentile_interval(
        float(statistic(np.ones(drawn.unit.size))),
        replicates,
        n=drawn.unit.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=proportion,
    )


def mean_by_subject(
    values: Array, subjects: Array, *, seed: int, rounds: int = 1000, confidence: float = 0.95
) -> Interval:
    """Mean of per-row values (hits, errors, distances) with a subject-bootstrap interval; all rounds at once.

    Args:
        values: (n,) numbers or booleans. If all lie in [0, 1] a degenerate bootstrap falls back to Wilson.
        subjects: (n,) who is on each row.
        seed: same seed, same interval.
        rounds: how many resamples.
        confidence: of the two-sided interval.
    """
    rows = checked_scores(values, what="values")
    same_length(rows, np.asarray(subjects), names="values and subjects")
    drawn = _drawn(subjects, seed=seed, rounds=rounds)
    return percentile_interval(
        float(rows.mean()),
        rate_replicates(rows, drawn.unit, drawn.weights),
        n=rows.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=bool(rows.min() >= 0 and rows.max() <= 1),
    )


def paired_bootstrap_difference(
    first: Array, second: Array, *, subjects: Array, seed: int, rounds: int = 1000, confidence: float = 0.95
) -> Interval:
    """Mean of `first - second` on the same rows, with a subject-bootstrap interval of the difference itself.

    Much narrower than two separate intervals suggest, because both models see the same easy and hard rows.

    Args:
        first: (n,) per-row values, e.g. errors of one model.
        second: (n,) the same rows' values under the other.
        subjects: (n,) who is on each row.
        seed: same seed, same interval.
        rounds: how many resamples.
        confidence: of the two-sided interval.

    Returns:
        The difference. Where the bootstrap has nothing to vary and values are 0/1-like, the bounds are widened by the
        Wilson half of "no further row differs", over subjects.
    """
    ours, theirs = checked_scores(first, what="first"), checked_scores(second, what="second")
    same_length(ours, theirs, names="first and second")
    same_length(ours, np.asarray(subjects), names="values and subjects")
    difference = ours - theirs
    drawn = _drawn(subjects, seed=seed, rounds=rounds)
    found = percentile_interval(
        float(difference.mean()),
        rate_replicates(difference, drawn.unit, drawn.weights),
        n=difference.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=False,
    )
    if not is_bootstrap(found) and np.abs(np.concatenate([ours, theirs])).max() <= 1:
        slack = wilson(0, drawn.subjects, confidence=confidence).high
        return Interval(
            value=found.value,
            low=max(-1.0, found.value - slack),
            high=min(1.0, found.value + slack),
            n=found.n,
            method=WILSON_SUBJECTS,
        )
    return found


def paired_bootstrap_percent(
    first: Array, second: Array, *, subjects: Array, seed: int, rounds: int = 1000, confidence: float = 0.95
) -> Interval | None:
    """By how many percent the mean of `first` exceeds that of `second` on the same rows, with an interval by subject.

    Args:
        first: (n,) per-row values, e.g. successes of one attack.
        second: (n,) the same rows' values under the other, none below zero.
        subjects: (n,) who is on each row.
        seed: same seed, same interval.
        rounds: how many resamples.
        confidence: of the two-sided interval.

    Returns:
        The percent; resamples in which `second` is zero are left out of the interval. None where it is zero at all.
        Where the bootstrap has nothing to vary, the bounds are those of the difference, in percent of `second`.
    """
    ours, theirs = checked_scores(first, what="first"), checked_scores(second, what="second")
    same_length(ours, theirs, names="first and second")
    same_length(ours, np.asarray(subjects), names="values and subjects")
    if theirs.mean() <= 0:
        return None
    drawn = _drawn(subjects, seed=seed, rounds=rounds)
    above, below = (rate_replicates(rows, drawn.unit, drawn.weights) for rows in (ours, theirs))
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = 100.0 * (above / below - 1.0)
    found = percentile_interval(
        float(100.0 * (ours.mean() / theirs.mean() - 1.0)),
        replicates,
        n=ours.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=False,
    )
    if is_bootstrap(found):
        return found
    apart = paired_bootstrap_difference(
        ours, theirs, subjects=subjects, seed=seed, rounds=rounds, confidence=confidence
    )
    scale = 100.0 / float(theirs.mean())
    low, high = max(-100.0, scale * apart.low), scale * apart.high
    return Interval(
        value=found.value, low=min(low, found.value), high=max(high, found.value), n=found.n, method=apart.method
    )


def is_bootstrap(found: Interval) -> bool:
    """Whether the bounds come from resamples that differ."""
    return found.method.startswith(BOOTSTRAP)


def sum_interval(value: float, parts: list[tuple[float, Interval]], *, n: int) -> Interval:
    """Interval of a weighted sum of independent proportions from the parts' own intervals.

    Each bound moves away from the value by the root of the summed squares of the parts' distances to theirs. Used where
    one part's bootstrap is degenerate (an APCER of 0) and a bootstrap of the sum would forget that part's doubt.

    Source: Zou and Donner, Statistics in Medicine 27, 2008 (method of variance estimates recovery).
    """
    below = math.sqrt(sum((factor * (part.value - part.low)) ** 2 for factor, part in parts))
    above = math.sqrt(sum((factor * (part.high - part.value)) ** 2 for factor, part in parts))
    methods = " and ".join(sorted({part.method for _, part in parts}))
    return Interval(
        value=value, low=max(0.0, value - below), high=min(1.0, value + above), n=n, method=f"combined from {methods}"
    )


def _checked_confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise BadInputError(f"confidence must lie between 0 and 1, got {confidence}", hint="write 95 % as 0.95")
    return confidence


def _drawn(subjects: Array, *, seed: int, rounds: int) -> Resampling:
    nonempty(np.asarray(subjects), what="data")
    codes, names = codes_of(np.asarray(subjects))
    return resampling(codes, names.size, seed=seed, rounds=rounds)
