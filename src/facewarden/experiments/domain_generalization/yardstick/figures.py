"""Figures of a yardstick: areas by species group and domain, with intervals over domains and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.labels import BONA_FIDE
from facewarden.core.seeding import derive
from facewarden.experiments.domain_generalization.yardstick.rules import FEWEST, ROUNDS, WEIGHTS, group_of
from facewarden.metrics.over_domains import over_domains, replicated_auc, weighted
from facewarden.metrics.transfer import Replicated, transfer_measures

MAIN = "main mean"
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The captures that were tested; every column is (n,).

    Attributes:
        label, domain, subject, species: of the captures.
    """

    label: NDArray[np.int64]
    domain: NDArray[Any]
    subject: NDArray[Any]
    species: NDArray[Any]

    @classmethod
    def of(cls, rows: Mapping[str, Sequence[Any]]) -> ScoredRows:
        """From JSON columns."""
        text = {name: np.array(rows[name], dtype=np.str_) for name in ("domain", "subject", "species")}
        return cls(np.array(rows["label"], np.int64), text["domain"], text["subject"], text["species"])

    def attacks(self, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Attacks of species that a function says yes to."""
        known = {name: wanted(name) for name in set(self.species.tolist())}
        mask: NDArray[np.bool_] = np.array([known[name] for name in self.species.tolist()]) & (self.label != BONA_FIDE)
        return mask

    def species_present(self) -> list[str]:
        """Species of the attacks, by name."""
        return sorted(set(self.species[self.label != BONA_FIDE].tolist()))


def area(
    tested: ScoredRows, scores: Scores, *, attacks: NDArray[np.bool_], domains: Sequence[str] = ()
) -> Replicated | None:
    """AUC of bona fide captures against some attacks, by domain, averaged over the domains that have enough of both.

    Args:
        tested, scores: (n,).
        attacks: which attacks count.
        domains: those that count; all when empty.
    """
    parts = {}
    for name in domains or sorted(set(tested.domain.tolist())):
        rows = (tested.domain == name) & (attacks | (tested.label == BONA_FIDE)) & np.isfinite(scores)
        labels = tested.label[rows]
        if min(int((labels == BONA_FIDE).sum()), int((labels != BONA_FIDE).sum())) < FEWEST:
            continue
        parts[name] = replicated_auc(
            scores[rows], labels, subjects=tested.subject[rows], seed=derive(0, "yardstick people", name), rounds=ROUNDS
        )
    return over_domains(parts, seed=0) if parts else None


def group_areas(tested: ScoredRows, scores: Scores, *, domains: Sequence[str] = ()) -> dict[str, Replicated]:
    """The area of every species group that can be measured, and their main mean where all can."""
    found: dict[str, Replicated] = {}
    for group in WEIGHTS:
        one = area(tested, scores, attacks=tested.attacks(lambda name, g=group: group_of(name) == g), domains=domains)  # type: ignore[misc]
        if one is not None:
            found[group] = one
    if len(found) == len(WEIGHTS):
        found[MAIN] = weighted(found, WEIGHTS)
    return found


def specialist_areas(
    tested: ScoredRows, scores: Mapping[str, Scores], *, domains: Sequence[str] = ()
) -> dict[str, Replicated]:
    """The area of every group by the fit on that group alone, and their main mean where all can be measured."""
    found = {}
    for group in WEIGHTS:
        if group in scores and (one := group_areas(tested, scores[group], domains=domains).get(group)) is not None:
            found[group] = one
    if len(found) == len(WEIGHTS):
        found[MAIN] = weighted(found, WEIGHTS)
    return found


def better(general: Mapping[str, Replicated], special: Mapping[str, Replicated]) -> dict[str, Replicated]:
    """Of each group the higher of two areas; the main mean is that of the higher ones."""
    found = {
        group: max((one for one in (general.get(group), special.get(group)) if one is not None), key=lambda a: a.value)
        for group in WEIGHTS
        if group in general or group in special
    }
    if len(found) == len(WEIGHTS):
        found[MAIN] = weighted(found, WEIGHTS)
    return found


def thresholds(tested: ScoredRows, scores: Scores) -> dict[str, Replicated]:
    """HTER at the threshold that the sources' dev set, and its regret: HTER less its value at the target's own EER."""
    parts: dict[str, dict[str, Replicated]] = {"hter": {}, "regret": {}}
    for name in sorted(set(tested.domain.tolist())):
        rows = (tested.domain == name) & np.isfinite(scores)
        labels = tested.label[rows]
        if min(int((labels == BONA_FIDE).sum()), int((labels != BONA_FIDE).sum())) < FEWEST:
            continue
        found = transfer_measures(
            scores[rows], labels, subjects=tested.subject[rows], threshold=0.0,
            seed=derive(0, "yardstick people", name), rounds=ROUNDS,
        )  # fmt: skip
        parts["hter"][name] = found["hter"]
        parts["regret"][name] = found["threshold_regret"]
    return {measure: over_domains(one, seed=0) for measure, one in parts.items() if one}
