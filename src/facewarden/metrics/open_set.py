"""Open-set identification: searches of people who are not enrolled must find nobody, and others their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Array, Bools, Floats, checked_scores, nonempty


@dataclass(frozen=True, eq=False)
class Searches:
    """What searches in a gallery found.

    Attributes:
        mate: `(m,)` of searches of enrolled people: similarity of their own entry.
        rank: `(m,)` at which place it stands, from 1; a tie counts against it.
        highest: `(n,)` of searches of others: the highest similarity of anybody.
    """

    mate: Floats
    rank: Array
    highest: Floats


def searches(similarity: Array, probe_ids: Array, *, gallery_ids: Array) -> Searches:
    """Sort searches by whether the person is enrolled.

    Args:
        similarity: (p, g) of every probe and every gallery image.
        probe_ids: (p,) who is on each probe.
        gallery_ids: (g,) of each gallery image; several of one person count as one entry with their highest.
    """
    scores, gallery = np.asarray(similarity, dtype=np.float64), np.asarray(gallery_ids)
    names, place = np.unique(gallery, return_inverse=True)
    entries = np.full((len(scores), len(names)), -np.inf)
    for column, entry in enumerate(place.reshape(-1)):
        np.maximum(entries[:, entry], scores[:, column], out=entries[:, entry])
    enrolled: Bools = np.isin(np.asarray(probe_ids), names)
    own = np.searchsorted(names, np.asarray(probe_ids)[enrolled])
    mated = entries[enrolled]
    mate: Floats = mated[np.arange(len(mated)), own]
    rank = np.count_nonzero(mated >= mate[:, None], axis=1) if len(mated) else np.zeros(0, np.int64)
    return Searches(mate, rank, entries[~enrolled].max(axis=1) if (~enrolled).any() else np.zeros(0))


def fpir_threshold(highest: Array, *, fpir: float) -> float:
    """The lowest threshold at which no more than a share of searches of people who are not enrolled finds anybody.

    A search finds somebody where its highest similarity is at least the threshold.

    Raises:
        BadInputError: no such search, or a rate that is none.

    >>> fpir_threshold(np.array([0.1, 0.2, 0.3, 0.4]), fpir=0.25) > 0.3
    True
    """
    values = checked_scores(highest, what="highest similarities")
    nonempty(values, what="searches of people who are not enrolled")
    if not 0 <= fpir <= 1:
        raise BadInputError(f"FPIR {fpir}", hint="a share between 0 and 1")
    allowed = int(np.floor(fpir * values.size + 1e-9))
    ordered = np.sort(values)[::-1]
    if allowed >= values.size:
        return float(ordered[-1])
    return float(np.nextafter(ordered[allowed], np.inf))


def missed(found: Searches, *, threshold: float, rank: int = 1) -> Bools:
    """Which searches of enrolled people miss them: their entry is below the threshold, or not among the first.

    Args:
        found: the searches.
        threshold: least similarity.
        rank: how many candidates are looked at.

    Source: false negative identification rate (FNIR) of ISO/IEC 19795-1.
    """
    lost: Bools = (found.mate < threshold) | (found.rank > rank)
    return lost
