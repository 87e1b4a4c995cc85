"""How far a smoothed embedding can move: a bound for every change of the input up to a Euclidean length.

The smoothed embedding is the one of `first` noisy copies that has half of them within the smallest distance. Let a
ball of radius R around it hold so large a share of noisy copies of x that, whatever the change of x is, more than half
of the copies of the changed x fall into it. Then two of them are in the ball and near the changed center at once: the
changed center has half of its copies within 2 R, because each copy in the ball has, and the two halves share one copy.
So the centers are at most R + 2 R apart.

Source: the idea is that of Kumar and Goldstein, Center Smoothing, NeurIPS 2021; the counting above, which needs no
estimate at the changed input, is ours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import beta, binom, norm

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Floats


def center_of(vectors: Float[np.ndarray, "n d"]) -> int:
    """Position of the vector that has more than half of all within the smallest Euclidean distance."""
    rows = np.asarray(vectors, np.float64)
    if len(rows) < 2 or not np.isfinite(rows).all():
        raise BadInputError(f"{len(rows)} vectors for a center, or one that is not finite", hint="two or more")
    squares = (rows**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0.0))
    within = np.sort(apart, axis=1)[:, len(rows) // 2]  # the vector itself is among them
    return int(np.argmin(within))


def moved_at_most(distances: Floats, *, first: int, radius: float, sigma: float, alpha: float = 0.001) -> float:
    """Bound of the distance between the smoothed embeddings of an input and of a changed one.

    Args:
        distances: (m,) of fresh noisy copies of the input to its center, in Euclidean distance of embeddings.
        first: how many copies a center is chosen from, here and at the changed input.
        radius: Euclidean length of the change.
        sigma: standard deviation of the noise, in the same units.
        alpha: chance that the bound does not hold, half of it for the copies at each of the two inputs.

    Returns:
        The bound; infinite where the copies cannot prove one.

    Raises:
        BadInputError: no copies, or a radius, sigma or alpha outside its range.
    """
    found = np.sort(np.asarray(distances, np.float64))
    if not len(found) or not np.isfinite(found).all() or first < 2:
        raise BadInputError("no distances of noisy copies, or one that is not finite", hint="copies above 1")
    if not (radius >= 0 and 0 < sigma < np.inf and 0 < alpha < 1):
        raise BadInputError(f"radius {radius}, sigma {sigma}, alpha {alpha}", hint="0 or more, above 0, within 0 and 1")
    half = first // 2
    # the share of copies in the ball with which more than half of `first` copies fall into it, but for alpha / 2
    enough = float(beta.ppf(1 - alpha / 2, half + 1, first - half))
    share = float(norm.cdf(norm.ppf(enough) + radius / sigma))
    # the distance of this rank holds at least that share, but for alpha / 2
    ranks = np.arange(1, len(found) + 1)
    proven = np.flatnonzero(binom.sf(ranks - 1, len(found), share) <= alpha / 2)
    return 3 * float(found[proven[0]]) if proven.size else float("inf")
