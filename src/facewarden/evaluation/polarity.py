"""Scores that point the wrong way: an AUC whose whole interval lies below one half is no bad luck."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.decision import DecisionRule
from facewarden.metrics.pad import auc
from facewarden.metrics.summary import presentation_summary

_LOG = logging.getLogger("facewarden")

WHAT_TO_TYPE = (
    'in the card of a file or service: "invert": true for one output, the other class as "bona_fide" for several; '
    "in a table: multiply the column score by -1, or exchange the labels where 1 means attack there"
)


def reversed_words(value: float, *, low: float, high: float) -> str:
    """What a reader must be told of an AUC with its interval; empty where nothing points to reversed scores.

    >>> reversed_words(0.2, low=0.1, high=0.3)[:42]
    'The scores look reversed: AUC 0.20 (0.10 t'
    >>> reversed_words(0.4, low=0.2, high=0.6)
    ''
    """
    if value >= 0.5 or high >= 0.5:
        return ""
    return (
        f"The scores look reversed: AUC {value:.2f} ({low:.2f} to {high:.2f}), so bona fide presentations score lower "
        f"than attacks. A score is higher for bona fide; {WHAT_TO_TYPE}."
    )


def look_reversed(score: NDArray[np.float64], label: NDArray[np.int64], *, subject: NDArray[Any]) -> str:
    """Measure the AUC with its interval by subject, and return what a reader must be told, or nothing.

    Args:
        score: (n,) finite, higher = more bona fide.
        label: (n,) 1 = bona fide, 0 = attack.
        subject: (n,) who is shown.
    """
    if len(np.unique(label)) < 2 or auc(score, label) >= 0.5:
        return ""
    counts = (int((label == 1).sum()), int((label == 0).sum()))
    rule = DecisionRule(float(np.median(score)), "eer", "dev", "", *counts)  # the AUC does not look at it
    kinds = np.full(len(score), "attack")
    found = presentation_summary(score, label, species=kinds, subjects=subject, rule=rule, seed=0, rounds=200)
    area = next(metric for metric in found if metric.name == "auc")
    return reversed_words(area.value, low=area.low, high=area.high)


def warn_if_reversed(score: NDArray[np.float64], label: NDArray[np.int64], *, subject: NDArray[Any], where: str) -> str:
    """Log a warning where scores look reversed, and return its text.

    Args:
        score, label, subject: as in `look_reversed`.
        where: which rows, for the message.
    """
    words = look_reversed(score, label, subject=subject)
    if words:
        _LOG.warning("%s: %s", where, words)
    return words
