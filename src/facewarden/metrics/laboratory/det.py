"""Points of a DET curve: APCER and BPCER at thresholds that lie evenly on both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.metrics.checked import Floats

POINTS = 160


@dataclass(frozen=True, eq=False)
class Det:
    """Points of a DET curve.

    Attributes:
        apcer, bpcer: (k,) error rates at k thresholds in rising order: APCER falls, BPCER rises.
        n: how many attacks it is of.
    """

    apcer: Floats
    bpcer: Floats
    n: int


def det_curve(bona_fide: Floats, attack: Floats, *, points: int = POINTS) -> Det:
    """Thin both error rates to about so many points, half of them even in each rate's normal deviate.

    Args:
        bona_fide, attack: sorted scores of each class, in rising order.
        points: how many.

    >>> curve = det_curve(np.array([1.0, 2.0]), np.array([0.0, 1.5]))
    >>> curve.apcer.tolist(), curve.bpcer.tolist()
    ([1.0, 0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5, 1.0])
    """
    from scipy.special import ndtr

    levels = np.concatenate([[0.0], ndtr(np.linspace(-3.6, 3.6, points // 2)), [1.0]])
    marks = [scores[np.rint(levels * (scores.size - 1)).astype(np.int64)] for scores in (bona_fide, attack)]
    chosen = np.unique(np.concatenate(marks))
    thresholds = np.append(chosen, np.nextafter(chosen[-1], np.inf))
    accepted = attack.size - np.searchsorted(attack, thresholds, side="left")
    rejected = np.searchsorted(bona_fide, thresholds, side="left")
    return Det(accepted / attack.size, rejected / bona_fide.size, attack.size)
