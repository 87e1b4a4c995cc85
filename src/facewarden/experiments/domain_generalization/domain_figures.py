"""Figures of every target domain by itself, and their means over domains and training seeds as random effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.core.labels import ATTACK, BONA_FIDE, species_group
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection, selected_scores
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
    """All figures of `transfer_values`, and "auc of GROUP" for every group of species at the domains that have it.

    Args:
        find: (method, protocol, seed) -> the cell's result, None where it failed.
        method: of the plan.
        protocols: whose targets are the domains; a domain is a target of one of them at most.
        seeds: of the trainings.
        look: rule, and what the sensors lack.

    Returns:
        Figure by name; None where a cell is missing, since unequal seeds would not be crossed.
    """
    cells: dict[str, dict[int, dict[str, float]]] = {}
    for protocol in protocols:
        for seed in seeds:
            result = find(method, protocol, seed)
            held = None if result is None else selected_scores(result, look)
            if result is None or held is None:
                return None
            for domain, values in _of_domains(result["rows"], held).items():
                cells.setdefault(domain, {})[seed] = values
    names = {name for by_seed in cells.values() for values in by_seed.values() for name in values}
    found = {}
    for name in sorted(names):
        domains = tuple(d for d in sorted(cells) if all(name in cells[d].get(seed, {}) for seed in seeds))
        if domains:
            table = np.array([[cells[domain][seed][name] for seed in seeds] for domain in domains], np.float64)
            found[name] = DomainFigures(domains, table)
    return found


def _of_domains(
    rows: Mapping[str, Mapping[str, Sequence[Any]]], held: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    threshold = eer_threshold(np.array(held["dev"]), np.array(rows["dev"]["label"]))
    scores, labels = np.array(held["test"]), np.array(rows["test"]["label"])
    where = np.array(rows["test"]["domain"])
    groups = np.array([species_group(species) or "" for species in rows["test"]["species"]])
    found: dict[str, dict[str, float]] = {}
    for domain in sorted(set(where.tolist())):
        inside = where == domain
        if {BONA_FIDE, ATTACK} - set(labels[inside].tolist()):
            continue  # a rate of one class says nothing of two
        values = transfer_values(scores[inside], labels[inside], threshold=threshold)
        for group in sorted(set(groups[inside & (labels == ATTACK)].tolist()) - {""}):
            of_group = inside & ((labels == BONA_FIDE) | (groups == group))
            values[f"auc of {group}"] = auc(scores[of_group], labels[of_group])
        found[str(domain)] = values
    return found
