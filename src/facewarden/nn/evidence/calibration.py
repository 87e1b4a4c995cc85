"""Scores to log-likelihood ratios, how they add up, and thresholds that hold in the worst domain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

_CURVATURE = 1e-3


def balanced_weights(labels: Labels, groups: Sequence[str]) -> Numbers:
    """Weights with which both classes count the same, and within a class every group.

    Args:
        labels: (n,) 1 and 0.
        groups: (n,) for example domain and species of each row.

    Raises:
        BadInputError: a class without rows.
    """
    names = np.asarray([f"{label} {group}" for label, group in zip(labels.tolist(), groups, strict=True)])
    found = np.zeros(labels.size)
    for label in (0, 1):
        rows = labels == label
        if not rows.any():
            raise BadInputError("evidence needs bona fide and attack rows", hint="captures with label 1 and label 0")
        kinds, inverse, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
        found[rows] = 1 / (counts[inverse] * kinds.size)
    whole: Numbers = found / found.sum()
    return whole


def logistic(
    terms: Numbers, labels: Labels, weights: Numbers, *, pull: float, toward: Numbers, lowest: float
) -> tuple[Numbers, float]:
    """Weights of a logistic regression, none under `lowest`, pulled toward given ones; and its intercept.

    Minimizes `mean log(1 + exp(-y (T b + c))) + pull |b - toward|^2`, which is convex.

    Args:
        terms: (n, k).
        labels: (n,) 1 and 0.
        weights: (n,) of the rows, with sum 1.
        pull: strength.
        toward: (k,).
        lowest: bound of every weight; 0 for evidence, which may be ignored and not turned around.
    """
    sign = np.where(labels == 1, 1.0, -1.0)

    def loss(found: Numbers) -> tuple[float, Numbers]:
        margin = sign * (terms @ found[:-1] + found[-1])
        off = found[:-1] - toward
        value = float(weights @ np.logaddexp(0, -margin)) + pull * float(off @ off)
        slope = -weights * sign / (1 + np.exp(np.minimum(margin, 500)))
        return value, np.append(terms.T @ slope + 2 * pull * off, slope.sum())

    start = np.append(np.maximum(toward, lowest), 0.0)
    bounds = [(lowest, None)] * terms.shape[1] + [(None, None)]
    solved = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(solved.x[:-1], np.float64), float(solved.x[-1])


def calibrated(scores: Numbers, labels: Labels, weights: Numbers) -> tuple[float, float]:
    """Slope and offset that turn scores into log-likelihood ratios, at equal weight of both classes.

    Source: Brümmer and du Preez, Computer Speech and Language 20, 2006 (logistic calibration at prior one half).
    """
    spread = float(np.std(scores)) or 1.0
    slope, offset = logistic(
        (scores / spread)[:, None], labels, weights, pull=_CURVATURE, toward=np.ones(1), lowest=0.0
    )
    return float(slope[0]) / spread, offset


def largest_ratio(rows: int) -> float:
    """The largest log-likelihood ratio that so many rows of the rarer class support.

    A likelihood ratio of r needs an event of probability 1/r to have been seen: with n rows none is known beyond about
    n + 1.
    """
    return float(np.log(rows + 1))


def minimax_threshold(scores: Numbers, labels: Labels, domains: Sequence[str]) -> float:
    """Threshold whose largest half total error rate over the domains is smallest.

    Of equal ones it is the one with the smallest mean over the domains, and of these the middle.

    Args:
        scores: (n,) of rows that the scorer did not see.
        labels: (n,).
        domains: (n,) a domain with one class only counts with that class's error, halved.
    """
    edges = np.unique(scores)
    candidates = np.concatenate([[edges[0] - 1], (edges[:-1] + edges[1:]) / 2, [edges[-1] + 1]])
    if candidates.size > 2000:
        candidates = np.quantile(candidates, np.linspace(0, 1, 2000))
    names = np.asarray(domains)
    worst, total = np.zeros(candidates.size), np.zeros(candidates.size)
    for name in np.unique(names):
        inside = names == name
        error = np.zeros(candidates.size)
        bona_fide, attack = np.sort(scores[inside & (labels == 1)]), np.sort(scores[inside & (labels == 0)])
        if bona_fide.size:
            error += np.searchsorted(bona_fide, candidates, side="left") / bona_fide.size / 2
        if attack.size:
            error += 0.5 - np.searchsorted(attack, candidates, side="left") / attack.size / 2
        worst, total = np.maximum(worst, error), total + error
    equal = worst <= worst.min() + 1e-12
    best = candidates[equal & (total <= total[equal].min() + 1e-12)]
    return float(best[best.size // 2])
