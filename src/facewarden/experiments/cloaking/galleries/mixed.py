"""Training sets in which part of the photos are cloaked, of one person at a time or of many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.experiments.cloaking.galleries.identification import Embedded, Misses, search
from facewarden.experiments.cloaking.trackers import fit_probe, said_by

HIDDEN, OTHERS = "those who cloak", "everybody else"


def mixed(
    embedded: Embedded, people: Sequence[str], *, share: float, together: int, tracker: str, seed: int
) -> dict[str, Misses]:
    """Search natural probes where some people have cloaked a share of their gallery photos, all of them at once.

    Args:
        embedded: one recognizer's view of the population.
        people: who cloaks; taken in groups of `together`, one group at a time.
        share: of each one's gallery photos that are cloaked; the others are old and natural.
        together: how many people cloak at once; the last group may be smaller.
        tracker: "nearest", or "linear", which is trained on the photos and knows no strangers.
        seed: chooses the cloaked photos.

    Returns:
        Misses of the probes of those who cloak, and of everybody else's.
    """
    split = embedded.split
    threshold = embedded.threshold() if tracker == "nearest" else None
    parts: dict[str, Misses] = {}
    for start in range(0, len(people), together):
        group = people[start : start + together]
        own = {who: _mix(embedded, who, share, seed) for who in group}
        gallery, owners = embedded.gallery(own)
        asked = [(who, row) for who, rows in split.probes.items() for row in rows]
        names = [who for who, _ in asked]
        probes = embedded.probes[[row for _, row in asked]]
        if tracker == "nearest":
            found = search(gallery, owners, probes, names, threshold=threshold)
        else:
            enrolled = np.isin(owners, list(split.gallery))
            probe = fit_probe(gallery[enrolled], owners[enrolled])
            found = Misses(tuple(names), tuple((said_by(probe, probes) != np.array(names)).tolist()))
        cloaks = np.isin(names, list(group))
        for case, rows in ((HIDDEN, cloaks), (OTHERS, ~cloaks)):
            if rows.any():
                part = _rows(found, rows)
                parts[case] = parts[case] + part if case in parts else part
    return parts


def _mix(embedded: Embedded, who: str, share: float, seed: int) -> NDArray[np.float32]:
    rows = np.array(embedded.split.gallery[who])
    order = np.random.default_rng(derive(seed, "cloaked photos", who)).permutation(len(rows))
    cloaked = order[: round(share * len(rows))]
    own: NDArray[np.float32] = embedded.natural[rows].copy()
    own[cloaked] = embedded.cloaked[rows[cloaked]]
    return own


def _rows(found: Misses, rows: NDArray[np.bool_]) -> Misses:
    def some(values: tuple[bool, ...] | None) -> tuple[bool, ...] | None:
        return None if values is None else tuple(np.array(values)[rows].tolist())

    person = tuple(np.array(found.person)[rows].tolist())
    rank1 = some(found.rank1)
    assert rank1 is not None
    return Misses(person, rank1, some(found.rank5), some(found.open_set))
