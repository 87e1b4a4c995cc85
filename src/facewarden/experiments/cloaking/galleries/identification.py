"""Searches of probes in a gallery of embeddings: rank-1, rank-5, and misses at a rate of false alarms of strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from facewarden.experiments.cloaking.population import Split
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.open_set import Searches, fpir_threshold, missed, searches

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embedded:
    """A population as embeddings of one recognizer.

    Attributes:
        split: who is where.
        natural: `(n, d)` of the gallery, after the tracker's purifier, nobody cloaked.
        cloaked: the same, everybody who cloaks cloaked.
        probes: `(n, d)` of natural photos that are searched.
        cloaked_probes: the same, of everybody who cloaks.
        fpir: rate of strangers' searches that may find anybody.
    """

    split: Split
    natural: Float[np.ndarray, "n d"]
    cloaked: Float[np.ndarray, "n d"]
    probes: Float[np.ndarray, "n d"]
    cloaked_probes: Float[np.ndarray, "n d"]
    fpir: float

    @property
    def enrolled_strangers(self) -> tuple[int, ...]:
        """Rows of the distractors that are in the gallery: every second one."""
        return self.split.distractors[::2]

    @property
    def searching_strangers(self) -> tuple[int, ...]:
        """Rows of the distractors that are searched and are not in the gallery."""
        return self.split.distractors[1::2]

    def gallery(self, own: Mapping[str, Vectors]) -> tuple[Vectors, NDArray[Any]]:
        """Gallery embeddings and their owners.

        Args:
            own: the photos of some people instead of their natural ones.
        """
        parts, owners = [], []
        for who, rows in self.split.gallery.items():
            part = own.get(who, self.natural[list(rows)])
            parts.append(part)
            owners += [who] * len(part)
        if self.enrolled_strangers:
            parts.append(self.natural[list(self.enrolled_strangers)])
            owners += [f"stranger {row}" for row in self.enrolled_strangers]
        return np.concatenate(parts), np.array(owners)

    def threshold(self) -> float | None:
        """Least similarity that counts, set on strangers' searches in the natural gallery; None without strangers."""
        if not self.searching_strangers:
            return None
        gallery, owners = self.gallery({})
        asked = self.probes[list(self.searching_strangers)]
        found = searches(asked @ gallery.T, np.array(["nobody"] * len(asked)), gallery_ids=owners)
        return fpir_threshold(found.highest, fpir=self.fpir)


@dataclass(frozen=True)
class Misses:
    """Whether searches missed, one row each.

    Attributes:
        person: whose search it is.
        rank1, rank5: not first, not among the first five.
        open_set: below the threshold or not first; None where there is no threshold.
    """

    person: tuple[str, ...]
    rank1: tuple[bool, ...]
    rank5: tuple[bool, ...] | None = None
    open_set: tuple[bool, ...] | None = None

    @classmethod
    def of(cls, found: Searches, person: Sequence[str], *, threshold: float | None) -> Misses:
        """Read searches of enrolled people."""
        lost = None if threshold is None else tuple(missed(found, threshold=threshold).tolist())
        return cls(tuple(person), tuple((found.rank > 1).tolist()), tuple((found.rank > 5).tolist()), lost)

    def __add__(self, more: Misses) -> Misses:
        def joined(one: tuple[bool, ...] | None, two: tuple[bool, ...] | None) -> tuple[bool, ...] | None:
            return None if one is None or two is None else one + two

        return Misses(
            self.person + more.person,
            self.rank1 + more.rank1,
            joined(self.rank5, more.rank5),
            joined(self.open_set, more.open_set),
        )

    def intervals(self) -> dict[str, Interval]:
        """Shares of misses with intervals over people: `rank1`, `rank5` and `fnir`, as far as they are known."""
        known = {"rank1": self.rank1, "rank5": self.rank5, "fnir": self.open_set}
        return {
            name: mean_by_subject(np.array(values, dtype=np.float64), np.array(self.person), seed=0)
            for name, values in known.items()
            if values
        }


def search(
    gallery: Vectors, owners: NDArray[Any], probes: Vectors, asked: Sequence[str], *, threshold: float | None
) -> Misses:
    """Search probes of enrolled people.

    Args:
        gallery, owners: enrolled photos, and whose they are.
        probes, asked: what is searched, and who it is.
        threshold: least similarity, where one is set.
    """
    found = searches(probes @ gallery.T, np.array(asked), gallery_ids=owners)
    return Misses.of(found, asked, threshold=threshold)
