"""Figures of every target domain by itself, and their means over domains and training seeds as random effects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.core.labels import ATTACK, BONA_FIDE, species_group
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection, selected_scores
from facewarden.experiments.domain_generalization.yardstick.rules import group_of
from facewarden.metrics.crossed import CrossedMean, crossed_mean
from facewarden.metrics.pad import auc, eer_threshold
from facewarden.metrics.transfer import transfer_values


@dataclass(frozen=True)
class DomainFigures:
    """A figure of one method on every domain after every training.

    Attributes:
        domains: in the order of the rows.
        values: (domains, seeds).
    """

    domains: tuple[str, ...]
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    def mean(self) -> CrossedMean | None:
        """The mean over domains and seeds; None where there are fewer than two domains."""
        return crossed_mean(self.values) if len(self.domains) > 1 else None

    def minus(self, other: DomainFigures) -> CrossedMean | None:
        """Mean of the paired differences on the domains that both have."""
        both = [name for name in self.domains if name in other.domains]
        if len(both) < 2 or self.values.shape[1] != other.values.shape[1]:
            return None
        ours, theirs = (one.values[[one.domains.index(name) for name in both]] for one in (self, other))
        return crossed_mean(ours - theirs)


def domain_figures(
    find: Find, method: str, protocols: Sequence[str], *, seeds: Sequence[int], look: ScoreSelection
) -> dict[str, DomainFigures] | None:
    """All figures of `transfer_values`, and areas by group of species at the domains that have it.

    "auc of GROUP" has all species of a group, "main auc of GROUP" those that the main mean of the yardstick has.

    Args:
        find: (method, protocol, seed) -> the cell's result, None where it failed.
        method: of the plan.
        protocols: whose targets are the domains. A domain that several of them test has the mean of its figures under
            these, so that it counts once.
        seeds: of the trainings.
        look: rule, and what the sensors lack.

    Returns:
        Figure by name; None where a cell is missing, since unequal seeds would not be crossed.
    """
    cells: dict[str, dict[int, list[dict[str, float]]]] = {}
    for protocol in protocols:
        for seed in seeds:
            result = find(method, protocol, seed)
            held = None if result is None else selected_scores(result, look)
            if result is None or held is None:
                return None
            for domain, values in _of_domains(result["rows"], held).items():
                cells.setdefault(domain, {}).setdefault(seed, []).append(values)
    means = {domain: {seed: _means(several) for seed, several in cells[domain].items()} for domain in sorted(cells)}
    names = {name for by_seed in means.values() for values in by_seed.values() for name in values}
    found = {}
    for name in sorted(names):
        domains = tuple(d for d in means if all(name in means[d].get(seed, {}) for seed in seeds))
        if domains:
            table = np.array([[means[domain][seed][name] for seed in seeds] for domain in domains], np.float64)
            found[name] = DomainFigures(domains, table)
    return found


def _means(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each figure of a domain over the protocols that have it there."""
    names = {name for values in several for name in values}
    return {name: math.fsum(held := [v[name] for v in several if name in v]) / len(held) for name in names}


def _of_domains(
    rows: Mapping[str, Mapping[str, Sequence[Any]]], held: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    threshold = eer_threshold(np.array(held["dev"]), np.array(rows["dev"]["label"]))
    scores, labels = np.array(held["test"]), np.array(rows["test"]["label"])
    where = np.array(rows["test"]["domain"])
    kinds = {"auc": species_group, "main auc": group_of}
    groups = {kind: np.array([of(name) or "" for name in rows["test"]["species"]]) for kind, of in kinds.items()}
    found: dict[str, dict[str, float]] = {}
    for domain in sorted(set(where.tolist())):
        inside = where == domain
        if {BONA_FIDE, ATTACK} - set(labels[inside].tolist()):
            continue  # a rate of one class says nothing of two
        values = transfer_values(scores[inside], labels[inside], threshold=threshold)
        for kind, of in groups.items():
            for group in sorted(set(of[inside & (labels == ATTACK)].tolist()) - {""}):
                rows_of = inside & ((labels == BONA_FIDE) | (of == group))
                values[f"{kind} of {group}"] = auc(scores[rows_of], labels[rows_of])
        found[str(domain)] = values
    return found
