"""Intervals: shares of rows by `facewarden.metrics.shares`, other figures by a bootstrap of whole subjects.

Two presentations of one person are more alike than those of two, so rows are not independent and an interval that
treats them so is too narrow. Counts know it by their design effect; the bootstrap draws persons with replacement and
keeps all their rows together. How often both hold the truth is in docs/results/intervals.md.

**A bootstrap only knows the people it has.** At an EER of 0 every resample is equal, and near it almost: a percentile
interval would claim certainty. People of a kind that nobody has seen may have a share of up to that of 0 errors in so
many rows of so many subjects, and be all wrong, or all right. No bootstrap interval of a share is narrower than what
they could change, so that nothing jumps where resamples begin to differ. So 0 errors on 2000 rows of 20 subjects is
reported as at most 8 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, Floats, checked_scores, codes_of, nonempty, same_length
from facewarden.metrics.resample import Resampling, rate_replicates, resampling
from facewarden.metrics.shares import share_bounds, unseen_share

BOOTSTRAP = "bootstrap by subject"
COUNTS = "Clopper-Pearson on the effective sample, by subject"
UNSEEN = ", widened for people not seen"
WILSON = "wilson"
FEW_SUBJECTS = 10


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

    def as_json(self) -> dict[str, Any]:
        """The figure, its bounds and its count, as figures and the JSON of results hold them."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


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


def count_interval(errors: Array, rows: Array, *, confidence: float = 0.95) -> Interval:
    """Interval of a share of rows from the counts of every subject, without a random draw.

    Args:
        errors: (subjects,) how many rows of each subject count.
        rows: (subjects,) how many rows each has; subjects without rows say nothing and are left out.
        confidence: of the two-sided interval.
    """
    counts, sizes = np.asarray(errors, np.float64), np.asarray(rows, np.float64)
    nonempty(sizes[sizes > 0], what="data")
    counts, sizes = counts[sizes > 0], sizes[sizes > 0]
    value = float(counts.sum() / sizes.sum())
    low, high = share_bounds(counts, sizes, confidence=_checked_confidence(confidence))
    return Interval(
        value, min(low, value), max(high, value), n=int(sizes.sum()), method=COUNTS + few_subjects(sizes.size)
    )


def percentile_interval(
    value: float, replicates: Floats, *, n: int, subjects: int, confidence: float = 0.95, proportion: bool = True
) -> Interval:
    """Percentile interval of bootstrap replicates, never narrower than what people not seen could change.

    The bounds always include the value: a skewed figure on few subjects may lie outside its own percentiles.

    Args:
        value: the figure on the rows as they are.
        replicates: (rounds,) the figure on each resample; NaN where a resample has no row of a class, not counted.
        n: rows.
        subjects: how many subjects have rows in this figure. Below ten of them a bootstrap is rough, and the method
            says so.
        confidence: of the two-sided interval.
        proportion: whether the figure lies in [0, 1], so that people not seen can change it by a known amount.
    """
    tail = (1 - _checked_confidence(confidence)) / 2
    usable = replicates[np.isfinite(replicates)]
    varies = bool(usable.size and usable.max() - usable.min() > 1e-12)
    if not varies and not proportion:
        return Interval(value=value, low=value, high=value, n=n, method="degenerate: all resamples are equal")
    low, high = (float(end) for end in np.quantile(usable, [tail, 1 - tail])) if varies else (value, value)
    low, high = min(low, value), max(high, value)
    method = BOOTSTRAP + few_subjects(subjects)
    if proportion:
        unseen = unseen_share(n, subjects, confidence=confidence)
        floor, ceiling = value - unseen * value, value + unseen * (1 - value)
        method += UNSEEN if floor < low or ceiling > high else ""
        low, high = min(low, floor), max(high, ceiling)
    return Interval(value=value, low=low, high=high, n=n, method=method)


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
        proportion: whether the figure lies in [0, 1], see `percentile_interval`.

    >>> lengths = np.array([3.0, 4, 2, 2, 5, 2])
    >>> people = np.array(["a", "a", "b", "b", "c", "c"])
    >>> bootstrap_by_subject(lambda w: float(w @ lengths / w.sum()), people, seed=0, proportion=False).high
    3.5
    """
    drawn = subject_draws(subjects, seed=seed, rounds=rounds)
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
    values: Array, subjects: Array, *, seed: int, rounds: int = 1000, confidence: float = 0.95, proportion: bool = True
) -> Interval:
    """Mean of per-row values (hits, errors, distances) with an interval that knows whose rows they are.

    Args:
        values: (n,) numbers or booleans. All 0 or 1 make a share, see `count_interval`; others a bootstrap.
        subjects: (n,) who is on each row.
        seed: same seed, same interval; a share draws nothing.
        rounds: how many resamples.
        confidence: of the two-sided interval.
        proportion: whether values between 0 and 1 are shares, which could be 0 or 1 for a person not seen.
    """
    rows = checked_scores(values, what="values")
    same_length(rows, np.asarray(subjects), names="values and subjects")
    if proportion and rows.size and bool(((rows == 0) | (rows == 1)).all()):
        codes, _ = codes_of(np.asarray(subjects))
        return count_interval(np.bincount(codes, weights=rows), np.bincount(codes), confidence=confidence)
    drawn = subject_draws(subjects, seed=seed, rounds=rounds)
    return percentile_interval(
        float(rows.mean()),
        rate_replicates(rows, drawn.unit, drawn.weights),
        n=rows.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=proportion and bool(rows.min() >= 0 and rows.max() <= 1),
    )


def is_ordinary(method: str) -> bool:
    """Whether bounds were found as those of its kind always are, so that a table need not say how."""
    return method in (BOOTSTRAP, COUNTS, f"combined from {COUNTS}")


def sum_interval(value: float, parts: list[tuple[float, Interval]], *, n: int) -> Interval:
    """Interval of a weighted sum of independent proportions from the parts' own intervals.

    Each bound moves away from the value by the root of the summed squares of the parts' distances to theirs, so that it
    rises with every part's value and bound.

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


def few_subjects(subjects: int) -> str:
    """What the method of an interval adds where it rests on few people."""
    return f", rough: only {subjects} subjects" if subjects < FEW_SUBJECTS else ""


def subject_draws(subjects: Array, *, seed: int, rounds: int) -> Resampling:
    """Draw whole subjects with replacement, so many rounds."""
    nonempty(np.asarray(subjects), what="data")
    codes, names = codes_of(np.asarray(subjects))
    return resampling(codes, names.size, seed=seed, rounds=rounds)
