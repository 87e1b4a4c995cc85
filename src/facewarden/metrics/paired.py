"""Differences of two models on the same rows: their intervals by subject, and which one a run can show."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, checked_scores, codes_of, same_length
from facewarden.metrics.intervals import (
    BOOTSTRAP,
    FEW_SUBJECTS,
    UNSEEN,
    Interval,
    few_subjects,
    percentile_interval,
    subject_draws,
)
from facewarden.metrics.resample import rate_replicates
from facewarden.metrics.shares import unseen_share


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
        The difference. Where fewer than ten subjects have a row that differs and no value exceeds 1, the bounds are
        widened for people not seen: in full where no row differs, and less with each subject that has one. They hold
        zero where so few subjects differ that no test by subject could reject it, see `least_p`.
    """
    ours, theirs = checked_scores(first, what="first"), checked_scores(second, what="second")
    same_length(ours, theirs, names="first and second")
    same_length(ours, np.asarray(subjects), names="values and subjects")
    difference = ours - theirs
    drawn = subject_draws(subjects, seed=seed, rounds=rounds)
    found = percentile_interval(
        float(difference.mean()),
        rate_replicates(difference, drawn.unit, drawn.weights),
        n=difference.size,
        subjects=drawn.subjects,
        confidence=confidence,
        proportion=False,
    )
    if np.abs(np.concatenate([ours, theirs])).max() > 1:
        return found
    differ = int(np.count_nonzero(np.bincount(codes_of(np.asarray(subjects))[0], weights=np.abs(difference))))
    slack = unseen_share(found.n, drawn.subjects, confidence=confidence) * max(0.0, 1 - differ / FEW_SUBJECTS)
    if not slack:
        return found
    low, high = max(-1.0, found.value - slack), min(1.0, found.value + slack)
    if least_p(differ) > 1 - confidence:
        low, high = min(low, 0.0), max(high, 0.0)
    return Interval(
        found.value,
        min(found.low, low),
        max(found.high, high),
        n=found.n,
        method=BOOTSTRAP + few_subjects(drawn.subjects) + UNSEEN,
    )


def least_p(subjects: int) -> float:
    """The smallest two-sided p that so few subjects can give: all of them on one side, each side being as likely.

    One subject, or five, show no difference at 5 %, however large theirs is.

    Args:
        subjects: that have a row on which two models differ.

    Source: Fisher, The Design of Experiments, 1935 (randomization test).

    >>> least_p(1), least_p(5), least_p(6)
    (1.0, 0.0625, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - subjects))


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
        Where fewer than ten subjects have a row that differs, it holds the bounds of the difference, in percent of
        `second`.
    """
    ours, theirs = checked_scores(first, what="first"), checked_scores(second, what="second")
    same_length(ours, theirs, names="first and second")
    same_length(ours, np.asarray(subjects), names="values and subjects")
    if theirs.mean() <= 0:
        return None
    drawn = subject_draws(subjects, seed=seed, rounds=rounds)
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
    apart = paired_bootstrap_difference(
        ours, theirs, subjects=subjects, seed=seed, rounds=rounds, confidence=confidence
    )
    if not apart.method.endswith(UNSEEN):
        return found
    scale = 100.0 / float(theirs.mean())
    low, high = min(found.low, scale * apart.low), max(found.high, scale * apart.high)
    return Interval(found.value, min(max(-100.0, low), found.value), high, n=found.n, method=apart.method)


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
