"""Fits of a yardstick: from the sources to unseen domains, and from people of a domain to others of the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.labels import BONA_FIDE
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.yardstick.rules import STRENGTHS, WEIGHTS, group_of
from facewarden.nn.closed_form import ClosedForm, DescribedRows
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


def _both(labels: NDArray[np.int64]) -> bool:
    return set(labels.tolist()) == {0, 1}
