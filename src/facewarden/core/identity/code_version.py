"""Versions of the code that computed what is kept: one whole number a kind of result, raised by hand.

Whoever changes code so that it gives other numbers raises the constant of what it computes. What an earlier version
kept is then not used but computed anew, and a line of the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType

LOG = logging.getLogger("facewarden")

CODES: Mapping[str, int] = MappingProxyType(
    {
        # runs, whose stages and checkpoints are kept in a folder
        "audit": 3,  # intervals of shares, grades, success over nested budgets; attacks keep what succeeded on the way
        "cloak": 1,
        "distill": 1,
        "purify": 1,
        "sfa": 1,
        "train": 1,
        "train_purifier": 1,
        # arrays of facewarden evaluate verification --run
        "embeddings": 1,
        # arrays that the cells of a cloaking plan share: aligned faces, cloaks, embeddings, lower halves of networks,
        # and recognizers trained on cloaks
        "crops": 1,
        "cloaks": 1,
        "vectors": 1,
        "halves": 1,
        "adapted": 1,
        # crops of captures that the cells of a presentation plan share
        "capture_crops": 1,
        # descriptions of captures by detectors in closed form
        "descriptions": 1,
    }
)
"""Kind of what is kept -> version of the code that computes it. The version of a plan's cells is `PlanKind.code`."""


def code_of(kind: str) -> int:
    """The version of the code that computes a kind of results."""
    return CODES[kind]


def say_computed_anew(what: str, *, held: Iterable[int], now: int) -> str:
    """Log that results of another version of the code are not used; return the sentence.

    Args:
        what: the kind of result.
        held: versions of the results that are there.
        now: the version of the code that runs.
    """
    versions = ", ".join(map(str, sorted(set(held))))
    sentence = f"{what}: kept by version {versions} of its code, which is version {now} now; computed anew"
    LOG.warning(sentence)
    return sentence
