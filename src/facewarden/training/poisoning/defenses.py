"""Find samples of a training set that carry a trigger, from what a detector trained on all of it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def spectral_signatures(features: Floats, score: Floats, label: Labels) -> Floats:
    """How far each sample lies along the direction in which its class varies most, `(n,)`; high is suspicious.

    Args:
        features: `(n, d)` of the trained detector.
        score: `(n,)`, not read.
        label: `(n,)`; each class is looked at by itself.

    Source: Tran, Li, Madry, Spectral Signatures in Backdoor Attacks (2018), algorithm 1.
    """
    found = np.zeros(len(features))
    for one in np.unique(label):
        rows = label == one
        centered = features[rows] - features[rows].mean(axis=0)
        _, _, directions = np.linalg.svd(centered, full_matrices=False)
        found[rows] = (centered @ directions[0]) ** 2
    return found


def loss_outliers(features: Floats, score: Floats, label: Labels) -> Floats:
    """The cross-entropy of each sample, `(n,)`: what contradicts the rest of its class is learned last.

    Args:
        features: not read.
        score: `(n,)` logits, higher = more bona fide.
        label: `(n,)`, 1 = bona fide.
    """
    return np.logaddexp(0.0, np.where(label == 1, -score, score))


DEFENSES: Mapping[str, Callable[[Floats, Floats, Labels], Floats]] = MappingProxyType(
    {"spectral_signatures": spectral_signatures, "loss_outliers": loss_outliers}
)
"""Name of a defense -> its suspicion of each sample."""


def removed(suspicion: Floats, label: Labels, *, share: float) -> NDArray[np.int64]:
    """The most suspicious rows of the bona fide class, in order.

    A trigger that makes a spoof pass is hidden in bona fide images, so no attack image is removed.

    Args:
        suspicion: `(n,)`.
        label: `(n,)`.
        share: of the bona fide images that are removed, fixed beforehand: nobody knows how many carry a trigger.

    Raises:
        BadInputError: a share outside 0 to 1.
    """
    if not 0.0 <= share < 1.0:
        raise BadInputError(f"removing a share of {share:g}", hint="from 0 to below 1: 0.03")
    rows = np.flatnonzero(label == 1)
    count = round(share * len(rows))
    order = rows[np.argsort(-suspicion[rows], kind="stable")]
    return np.sort(order[:count])
