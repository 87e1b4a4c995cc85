"""A gallery that grows by what was recognized: one old photo may find the next, and that one the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.experiments.cloaking.galleries.identification import Embedded, Misses, search


@dataclass(frozen=True, eq=False)
class Grown:
    """What a gallery became.

    Attributes:
        first, final: `(m,)` name under which each photo is enrolled after the first round and at the end; empty where
            it is under none.
        rounds: until nothing more was recognized.
    """

    first: NDArray[Any]
    final: NDArray[Any]
    rounds: int


def grow(
    gallery: Float[np.ndarray, "g d"],
    owners: NDArray[Any],
    pool: Float[np.ndarray, "m d"],
    *,
    threshold: float,
) -> Grown:
    """Enroll every photo of a pool under the name of its nearest enrolled photo, where that is near enough; repeat.

    Args:
        gallery, owners: enrolled photos, and whose they are.
        pool: photos of which nobody says who is on them.
        threshold: least similarity.

    Source: the dynamic gallery of DivTrackee, arXiv 2501.06533.
    """
    named = np.full(len(pool), "", dtype=object)
    known, names = gallery, owners.astype(object)
    first, rounds = named.copy(), 0
    while (left := np.flatnonzero(named == "")).size:
        similarity = pool[left] @ known.T
        near = similarity.max(axis=1) >= threshold
        if not near.any():
            break
        named[left[near]] = names[similarity[near].argmax(axis=1)]
        known = np.concatenate([known, pool[left[near]]])
        names = np.concatenate([names, named[left[near]]])
        rounds += 1
        first = named.copy() if rounds == 1 else first
    return Grown(first.astype(str), named.astype(str), rounds)


def growing(embedded: Embedded, people: Sequence[str], *, old: int) -> dict[str, Misses]:
    """Let a tracker that has some old natural photos of a person work through the person's cloaked ones.

    Args:
        embedded: one recognizer's view of the population, with strangers for the threshold.
        people: who cloaks in turn.
        old: natural photos of the person that are enrolled from the start.

    Returns:
        Misses of the person's cloaked photos in the first round and when the gallery is stable, those that are enrolled
        under another name, and of the natural probes against the first and the final gallery.

    Raises:
        BadInputError: no strangers set a threshold.
    """
    threshold, split = embedded.threshold(), embedded.split
    if threshold is None:
        raise BadInputError("a growing gallery needs a threshold, and so strangers", hint="distractors: 2 or more")
    found: dict[str, Misses] = {}

    def add(case: str, part: Misses) -> None:
        found[case] = found[case] + part if case in found else part

    for who in people:
        rows, asked = list(split.gallery[who]), list(split.probes[who])
        start, pool = embedded.natural[rows[:old]], embedded.cloaked[rows[old:]]
        gallery, owners = embedded.gallery({who: start})
        grown = grow(gallery, owners, pool, threshold=threshold)
        person = (who,) * len(pool)
        add("cloaked photos, first round", Misses(person, tuple((grown.first != who).tolist())))
        add("cloaked photos, stable", Misses(person, tuple((grown.final != who).tolist())))
        wrong = (grown.final != who) & (grown.final != "")
        add("cloaked photos, under another name", Misses(person, tuple(wrong.tolist())))
        probes = embedded.probes[asked]
        names = [who] * len(asked)
        add("natural probes, old photos only", search(gallery, owners, probes, names, threshold=threshold))
        enrolled = grown.final != ""
        whole = np.concatenate([gallery, pool[enrolled]]), np.concatenate([owners, grown.final[enrolled]])
        add("natural probes, stable gallery", search(*whole, probes, names, threshold=threshold))
    return found
