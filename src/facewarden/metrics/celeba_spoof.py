"""The official figures of CelebA-Spoof: recall of attacks at three rates of bona fide presentations refused."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, Floats, same_length
from facewarden.metrics.intervals import bootstrap_by_subject
from facewarden.metrics.pad import split_classes
from facewarden.metrics.summary import NamedInterval, named_interval

RATES: Mapping[str, float] = MappingProxyType(
    {"recall_at_fpr_1_percent": 1e-2, "recall_at_fpr_0_5_percent": 5e-3, "recall_at_fpr_0_1_percent": 1e-3}
)
"""Figure -> false positive rate of the official script, whose log calls the first and the last 10E-3 and 10E-4."""


def recall_at_fpr(scores: Array, labels: Array, *, fpr: float) -> float:
    """Share of attacks caught where the set's own script puts the threshold.

    An attack is the positive class there and scores higher: here the score is turned around. Of the n bona fide
    presentations the `max(1, int(fpr * n))`-th most suspicious one gives the threshold, and an attack is caught that
    is strictly more suspicious. The threshold comes from the rows that it is measured on, as published: a point of a
    curve, not an operating point.

    Args:
        scores: (n,) higher = more bona fide.
        labels: (n,) 1 = bona fide, 0 = attack.
        fpr: share of bona fide presentations that may be refused, above 0 and up to 1.

    Raises:
        BadInputError: a class is missing, or a rate that is none.

    Source: the set's evaluation script, see Zhang et al., ECCV 2020.

    >>> recall_at_fpr(np.array([3.0, 2.0, 1.0, 0.5, 2.5]), np.array([1, 1, 1, 0, 0]), fpr=0.01)
    0.5
    """
    if not 0 < fpr <= 1:
        raise BadInputError(f"false positive rate {fpr}", hint="a share such as 0.01")
    bona_fide, attack = split_classes(scores, labels)
    return _recall(-bona_fide, -attack, fpr)


def official_summary(
    scores: Array, labels: Array, *, subjects: Array, seed: int, rounds: int = 500
) -> list[NamedInterval]:
    """The official figures with intervals that resample whole subjects.

    Args:
        scores, labels: as in `recall_at_fpr`.
        subjects: (n,) who is on each row.
        seed: of the intervals.
        rounds: of the bootstrap.
    """
    same_length(np.asarray(labels), np.asarray(subjects), names="labels and subjects")
    split_classes(scores, labels)
    suspicion, live = -np.asarray(scores, np.float64), np.asarray(labels) == 1

    def at(weights: Floats, fpr: float) -> float:
        times = weights.astype(np.int64)
        bona_fide, attack = (np.repeat(suspicion[rows], times[rows]) for rows in (live, ~live))
        return _recall(bona_fide, attack, fpr) if bona_fide.size and attack.size else float("nan")

    note = "official: threshold from the same bona fide rows"
    found = []
    for name, fpr in RATES.items():
        interval = bootstrap_by_subject(functools.partial(at, fpr=fpr), subjects, seed=seed, rounds=rounds)
        found.append(named_interval(name, interval, note=note))
    return found


def _recall(bona_fide: Floats, attack: Floats, fpr: float) -> float:
    place = max(1, int(fpr * bona_fide.size))
    threshold = np.partition(bona_fide, bona_fide.size - place)[bona_fide.size - place]
    return float((attack > threshold).mean())
