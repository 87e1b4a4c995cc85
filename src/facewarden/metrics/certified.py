"""Certified error rates of a detector that is smoothed with Gaussian noise, from the votes of its noisy copies.

A smoothed detector decides by majority over copies of a capture with noise of standard deviation sigma. If at least a
share p > 1/2 of all copies vote for one class, no change of Euclidean length below sigma times the p-quantile of the
standard normal distribution can turn the majority. The share is not known; a one-sided Clopper-Pearson bound of the
counted votes stands for it, so a certificate is wrong with a chance of at most alpha.

Source: Cohen, Rosenfeld and Kolter, Certified Adversarial Robustness via Randomized Smoothing, ICML 2019, theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, norm

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, Floats
from facewarden.metrics.intervals import Interval, mean_by_subject


@dataclass(frozen=True, eq=False)
class Certificates:
    """What is proven of every capture; every array is `(n,)`.

    Attributes:
        bona_fide: the class that most selection copies voted for: True = bona fide.
        radius: Euclidean length below which no change turns that decision; 0 where nothing is proven.
        abstains: whether the votes prove nothing: the smoothed detector gives no answer.
    """

    bona_fide: Array
    radius: Floats
    abstains: Array


def certify_votes(selected: Array, votes: Array, *, copies: int, sigma: float, alpha: float = 0.001) -> Certificates:
    """Radius within which a smoothed decision is proven not to change.

    Args:
        selected: (n,) bool, the class that is to be proven, True = bona fide. It must come from other copies than
            `votes`: chosen from the same ones, the bound would hold less often than it says.
        votes: (n,) how many of the copies voted for that class.
        copies: how many copies voted on each capture.
        sigma: standard deviation of the noise, in units of the image ([0, 1] a channel).
        alpha: chance that one certificate is wrong.

    Raises:
        BadInputError: counts that are none, no noise, or a chance outside (0, 1).

    >>> found = certify_votes(np.array([True]), np.array([100]), copies=100, sigma=0.25)
    >>> round(float(found.radius[0]), 3)  # sigma times the normal quantile of 0.001 ** (1 / 100)
    0.375
    """
    counts = np.asarray(votes, np.float64)
    if copies < 1 or not bool(np.all((counts >= 0) & (counts <= copies) & (counts == np.round(counts)))):
        raise BadInputError(f"votes outside 0 to {copies} copies", hint="count the copies that vote for the class")
    if not 0 < sigma < np.inf:
        raise BadInputError(f"noise of standard deviation {sigma}", hint="sigma above 0, such as 0.25")
    if not 0 < alpha < 1:
        raise BadInputError(f"a chance of {alpha} to be wrong", hint="alpha between 0 and 1, such as 0.001")
    least = np.where(counts > 0, beta.ppf(alpha, np.maximum(counts, 1), copies - counts + 1), 0.0)
    abstains = least <= 0.5
    radius = np.where(abstains, 0.0, sigma * norm.ppf(np.maximum(least, 0.5)))
    return Certificates(np.asarray(selected, bool), radius.astype(np.float64), abstains)


def largest_radius(copies: int, *, sigma: float, alpha: float = 0.001) -> float:
    """The radius that copies which all agree prove; no capture can have a larger one."""
    return float(certify_votes(np.array([True]), np.array([copies]), copies=copies, sigma=sigma, alpha=alpha).radius[0])


def certified_errors(found: Certificates, labels: Array, radius: float) -> Array:
    """Which captures are not proven to be decided correctly under every change of at most a length.

    Args:
        found: certificates.
        labels: (n,) 1 = bona fide, 0 = attack.
        radius: of the changes, 0 or more. At 0 wrong decisions and abstentions count.

    Returns:
        (n,) bool. Their share among attacks is the certified APCER(r), among bona fide captures the certified BPCER(r):
        upper bounds of what any attacker within the radius reaches.
    """
    if not radius >= 0:
        raise BadInputError(f"a radius of {radius}", hint="0 or more")
    right = found.bona_fide == (np.asarray(labels) == 1)
    # the theorem is about changes shorter than the radius, so that one of just this length is not covered
    held = right & ~found.abstains & ((found.radius > radius) if radius > 0 else True)
    return np.asarray(~held)


def certified_rates(
    found: Certificates, labels: Array, subjects: Sequence[str], *, label: int, radii: Sequence[float], seed: int = 0
) -> list[Interval]:
    """Certified error rate of one class at each radius, with its interval by subject.

    Args:
        found: certificates.
        labels, subjects: (n,) of the same captures.
        label: 0 for the certified APCER, 1 for the certified BPCER.
        radii: of the changes, in units of the image.
        seed: of the bootstrap, where one is needed.

    Raises:
        BadInputError: no capture of the class.
    """
    rows = np.flatnonzero(np.asarray(labels) == label)
    if not rows.size:
        raise BadInputError(f"no {('attack', 'bona fide')[label]} capture to certify", hint="test rows of both classes")
    people = np.asarray(subjects)[rows]
    return [
        mean_by_subject(certified_errors(found, labels, radius)[rows].astype(np.float64), people, seed=seed)
        for radius in radii
    ]
