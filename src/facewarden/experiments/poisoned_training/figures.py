"""Figures of a training over its seeds, and paired differences of two of them, with intervals over people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import ContractError
from facewarden.experiments.engine.kind import CellResult
from facewarden.metrics.intervals import Interval, bootstrap_by_subject
from facewarden.metrics.paired import paired_bootstrap_difference

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], float]

FIGURES = {
    "success": "accepted, own threshold",
    "success_clean": "accepted, threshold of the clean training",
    "auc": "AUC",
    "hter_others": "HTER, other species",
    "auc_others": "AUC, other species",
}
"""Name -> what tables call it. All are means over seeds."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """Test scores of one training, a row a seed, columns a capture; all trainings of a plan have the same columns.

    Attributes:
        seeds: of the rows.
        score: `(seeds, n)`.
        own, clean: `(seeds, n)` 0 or 1, accepted at the own threshold and at that of the clean training of the seed.
        bona_fide, spoof, others: `(n,)` bool; spoof is the species of the trigger, others the other attacks.
        subject: `(n,)`.
        poisoned, removed, found: images over all seeds: carriers of the trigger, those removed, and both.
        bona_fide_images: in the training set, over all seeds.
    """

    seeds: tuple[int, ...]
    score: Floats
    own: Floats
    clean: Floats
    bona_fide: NDArray[np.bool_]
    spoof: NDArray[np.bool_]
    others: NDArray[np.bool_]
    subject: NDArray[Any]
    poisoned: int
    removed: int
    found: int
    bona_fide_images: int

    def of(self, seeds: Sequence[int]) -> Seeds:
        """The rows of some seeds."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return replace(self, seeds=tuple(seeds), score=self.score[rows], own=self.own[rows], clean=self.clean[rows])


def read_seeds(results: Sequence[CellResult], *, species: str) -> Seeds:
    """Put the cells of one rate and one defense together.

    Args:
        results: one for each seed.
        species: of the trigger.

    Raises:
        ContractError: they are not of the same test captures.
    """
    values = [result.value for result in results]
    first = values[0]
    if any(value["key"] != first["key"] for value in values):
        raise ContractError("cells of other test captures", hint="run the plan in an empty folder")
    kind, score = np.array(first["species"]), np.array([value["score"] for value in values], np.float64)
    bona_fide = np.array(first["label"]) == 1
    own, clean = (np.array([[value[name]] for value in values]) for name in ("threshold", "clean_threshold"))
    counts = {name: sum(int(value[name]) for value in values) for name in ("poisoned", "removed", "found", "bona_fide")}
    return Seeds(
        seeds=tuple(int(result.cell.settings["seed"]) for result in results),
        score=score, own=(score >= own).astype(float), clean=(score >= clean).astype(float),
        bona_fide=bona_fide, spoof=kind == species, others=~bona_fide & (kind != species),
        subject=np.array(first["subject"]), bona_fide_images=counts.pop("bona_fide"), **counts,
    )  # fmt: skip


def figure(seeds: Seeds, name: str) -> Interval | None:
    """One figure with its interval; None where the captures lack a class of it."""
    return _interval(seeds, weighted(seeds, name), name, proportion=True)


def difference(first: Seeds, second: Seeds, name: str) -> Interval | None:
    """A figure of one training less that of another one, over the seeds that both have and the same captures."""
    both = [seed for seed in first.seeds if seed in second.seeds]
    if not both:
        return None
    ours, theirs = first.of(both), second.of(both)
    if name.startswith("success"):
        before, after = (_accepted(seeds, name)[seeds.spoof] for seeds in (theirs, ours))
        subjects = first.subject[first.spoof]
        return paired_bootstrap_difference(after, before, subjects=subjects, seed=0) if len(subjects) else None
    left, right = weighted(ours, name), weighted(theirs, name)
    return _interval(first, lambda weights: left(weights) - right(weights), name, proportion=False)


def weighted(seeds: Seeds, name: str) -> Weighted:
    """A figure as a function of the `(n,)` weights of the captures; NaN where a class weighs nothing.

    Args:
        seeds: of one training.
        name: of `FIGURES`.
    """
    attacks = seeds.others if name.endswith("others") else seeds.spoof
    if name.startswith("success"):
        return lambda weights: _mean(_accepted(seeds, name), weights, attacks)
    if name.startswith("hter"):
        accepted = _accepted(seeds, "success")
        return lambda weights: (
            _mean(accepted, weights, attacks) + 1 - _mean(accepted, weights, seeds.bona_fide)
        ) / 2  # fmt: skip
    higher = seeds.score[:, seeds.bona_fide, None] - seeds.score[:, None, attacks]
    wins = (np.sign(higher) / 2 + 0.5).mean(axis=0)

    def ranked(weights: Floats) -> float:
        bona_fide, attack = weights[seeds.bona_fide], weights[attacks]
        total = bona_fide.sum() * attack.sum()
        return float(bona_fide @ wins @ attack / total) if total else float("nan")

    return ranked


def _accepted(seeds: Seeds, name: str) -> Floats:
    """Share of the seeds that accept each capture."""
    return np.asarray((seeds.clean if name == "success_clean" else seeds.own).mean(axis=0), np.float64)


def _mean(values: Floats, weights: Floats, rows: NDArray[np.bool_]) -> float:
    total = weights[rows].sum()
    return float(values[rows] @ weights[rows] / total) if total else float("nan")


def _interval(seeds: Seeds, statistic: Weighted, name: str, *, proportion: bool) -> Interval | None:
    """Draw the people of the captures that the figure is of."""
    attacks = seeds.others if name.endswith("others") else seeds.spoof
    rows = np.flatnonzero(attacks if name.startswith("success") else attacks | seeds.bona_fide)
    if not attacks.any() or not seeds.bona_fide.any():
        return None
    whole = np.zeros(len(seeds.subject))

    def counted(weights: Floats) -> float:
        whole[rows] = weights
        return statistic(whole)

    return bootstrap_by_subject(counted, seeds.subject[rows], seed=0, proportion=proportion)
