"""Fits of a yardstick: from the sources to unseen domains, and from people of a domain to others of the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.labels import BONA_FIDE
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.yardstick.rules import HOLDING_OUT, STRENGTHS, WEIGHTS, group_of
from facewarden.nn.closed_form import ClosedForm, DescribedRows
from facewarden.nn.floors.ridge import scaling_of
from facewarden.pad.parts.solved import solve_ridge

ALL = "all"
Rows = NDArray[np.float32]
Fit = Callable[[DescribedRows, DescribedRows], Callable[[Rows], NDArray[np.float64]]]
"""Training rows, and rows of dev -> a function that scores descriptions, 0 at dev's equal error rate."""


@dataclass(frozen=True, eq=False)
class Captured:
    """What the fits know of the captures; every column is (n,).

    Attributes:
        label, domain, subject, split: of the samples.
        group: species group, "" for bona fide, and for what is of no group.
    """

    label: NDArray[np.int64]
    domain: NDArray[Any]
    subject: NDArray[Any]
    split: NDArray[Any]
    group: NDArray[Any]

    def of(self, group: str) -> NDArray[np.bool_]:
        """Bona fide captures and the attacks of a group; all of both for `ALL`."""
        return np.ones(self.label.size, bool) if group == ALL else (self.label == BONA_FIDE) | (self.group == group)


def captured(samples: Sequence[Sample]) -> Captured:
    """The columns of samples."""
    return Captured(
        label=np.array([s.label for s in samples], np.int64), domain=np.array([s.domain for s in samples]),
        subject=np.array([f"{s.domain}/{s.subject}" for s in samples]), split=np.array([s.split for s in samples]),
        group=np.array([group_of(s.species) or "" for s in samples]),
    )  # fmt: skip


def ridge_fit(train: DescribedRows, dev: DescribedRows) -> Callable[[Rows], NDArray[np.float64]]:
    """A ridge whose strength dev chooses."""
    return solve_ridge(train, dev=dev, strengths=STRENGTHS).scores


def fit_of(model: ClosedForm) -> Fit:
    """The fit of a detector that is solved in closed form."""

    def fit(train: DescribedRows, dev: DescribedRows) -> Callable[[Rows], NDArray[np.float64]]:
        model.fit(train, dev=dev)
        return model.decide

    return fit


def cross_domain(rows: Rows, about: Captured, *, targets: Sequence[str], fit: Fit) -> dict[str, NDArray[np.float64]]:
    """Scores of all target captures from fits on the other domains: on all species, and on each group alone.

    Args:
        rows: descriptions of all captures.
        about: their columns.
        targets: domains that are tested; the train and dev people of the others fit.
        fit: of the floor.

    Returns:
        "all" and each group that can be fitted -> (targets,) scores, in the order of the captures.
    """
    tested = np.isin(about.domain, list(targets))
    found = {}
    for group in (ALL, *WEIGHTS):
        train = ~tested & (about.split == "train") & about.of(group)
        dev = ~tested & (about.split == "dev") & about.of(group)
        if _both(about.label[train]) and _both(about.label[dev]):
            scored = fit(DescribedRows(rows[train], about.label[train]), DescribedRows(rows[dev], about.label[dev]))
            found[group] = scored(rows[tested])
    return found


def in_domain(
    rows: Rows, about: Captured, *, targets: Sequence[str], groups: Sequence[str], fit: Fit = ridge_fit
) -> dict[str, NDArray[np.float64]]:
    """Scores of all target captures from fits on other people of the same domains, at most as many as of the sources.

    People are divided into five parts within each domain: three fit, one chooses strength and threshold, one is
    tested, in turn. Numbers are standardized within each domain first, since whoever knows the domain knows its level.

    Args:
        rows, about, targets: as of `cross_domain`.
        groups: "all", or species groups, each fitted alone.
        fit: a ridge.
    """
    tested = np.isin(about.domain, list(targets))
    place = np.flatnonzero(tested)
    standard = _within(rows[tested], about.domain[tested])
    label, part = about.label[tested], _parts(about, place)
    found = {}
    for group in groups:
        chosen = about.of(group)[tested]
        allowed = int((~tested & (about.split == "train") & about.of(group)).sum())
        scores = np.full(place.size, np.nan)
        for held in range(HOLDING_OUT):
            dev = chosen & (part == (held + 1) % HOLDING_OUT)
            train = chosen & (part != held) & ~dev
            train = _at_most(train, allowed, about.subject[tested])
            if not (_both(label[train]) and _both(label[dev])):
                break
            scored = fit(DescribedRows(standard[train], label[train]), DescribedRows(standard[dev], label[dev]))
            scores[part == held] = scored(standard[part == held])
        if np.isfinite(scores).all():
            found[group] = scores
    return found


def _both(labels: NDArray[np.int64]) -> bool:
    return set(labels.tolist()) == {0, 1}


def _within(rows: Rows, domain: NDArray[Any]) -> Rows:
    standard = np.empty_like(rows)
    for name in np.unique(domain):
        here = domain == name
        scaling = scaling_of(rows[here])
        standard[here] = (rows[here] - scaling.mean) / scaling.deviation  # what is absent stays so
    return standard


def _parts(about: Captured, place: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part of each capture; a person's captures are together, and the people of a domain are spread evenly."""
    part = np.empty(place.size, np.int64)
    subject, domain = about.subject[place], about.domain[place]
    for name in np.unique(domain):
        people = np.unique(subject[domain == name])
        order = np.random.default_rng(derive(0, "yardstick parts", str(name))).permutation(people.size)
        number = dict(zip(people.tolist(), (order % HOLDING_OUT).tolist(), strict=True))
        for row in np.flatnonzero(domain == name):
            part[row] = number[subject[row]]
    return part


def _at_most(rows: NDArray[np.bool_], allowed: int, subject: NDArray[Any]) -> NDArray[np.bool_]:
    """Leave out whole people until no more than the allowed captures are left."""
    kept = rows.copy()
    people = np.unique(subject[rows])
    for person in np.random.default_rng(derive(0, "yardstick size", int(people.size))).permutation(people):
        if kept.sum() <= allowed:
            break
        kept &= subject != person
    return kept
