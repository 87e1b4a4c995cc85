"""Trackers that learn from a gallery of embeddings: the nearest neighbor, and a linear probe until it converges."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from facewarden.core.errors import ContractError
from facewarden.experiments.cloaking.population import Split

Hits = NDArray[np.bool_]
_TOLERANCE, _MOST = 1e-4, 5000


@dataclass(frozen=True)
class UserOutcome:
    """Identification results of a tracker when one person cloaks.

    Attributes:
        cloaked: hits on the person's clean probes.
        natural: the same when the person's gallery photos are not cloaked.
        others: hits on everybody else's probes while the person cloaks.
        asked: whose probe each of these is.
    """

    cloaked: Hits
    natural: Hits
    others: Hits
    asked: Sequence[str]


@dataclass(frozen=True, eq=False)
class Gallery:
    """A tracker's gallery and probes, as embeddings of one evaluation recognizer.

    Attributes:
        split: who is where.
        natural: `(n, d)` of the crowd after the purifier, nobody cloaked.
        cloaked: the same with every attacker cloaked; only one attacker's rows are used at a time.
        probes: `(n, d)` of what the tracker is asked.
    """

    split: Split
    natural: Float[np.ndarray, "n d"]
    cloaked: Float[np.ndarray, "n d"]
    probes: Float[np.ndarray, "n d"]

    @property
    def owners(self) -> list[str]:
        """Owner of each probe, in the order of the people."""
        return [who for who, rows in self.split.probes.items() for _ in rows]

    @property
    def asked(self) -> NDArray[np.float32]:
        """Probe embeddings in the order of `owners`."""
        return np.asarray(self.probes[[row for rows in self.split.probes.values() for row in rows]])


Tracker = Callable[[Gallery, Sequence[str]], Mapping[str, UserOutcome]]


def nearest(gallery: Gallery, attackers: Sequence[str]) -> dict[str, UserOutcome]:
    """1-NN by cosine over everybody's gallery photos and the distractors; a tie counts against the tracker.

    Args:
        gallery: what it learns from.
        attackers: who cloaks, one at a time.
    """
    split, probes = gallery.split, gallery.asked
    names = list(split.gallery)
    best = np.stack([(probes @ gallery.natural[list(split.gallery[who])].T).max(axis=1) for who in names], axis=1)
    if split.distractors:
        strangers = (probes @ gallery.natural[list(split.distractors)].T).max(axis=1)
        best = np.concatenate([best, strangers[:, None]], axis=1)
    owners = np.array(gallery.owners)
    columns = {who: column for column, who in enumerate(names)}
    own = np.array([columns[who] for who in owners])
    natural = _first(best, own)
    outcomes = {}
    for who in attackers:
        column = columns[who]
        moved = best.copy()
        moved[:, column] = (probes @ gallery.cloaked[list(split.gallery[who])].T).max(axis=1)
        hits, mine = _first(moved, own), own == column
        outcomes[who] = UserOutcome(hits[mine], natural[mine], hits[~mine], owners[~mine].tolist())
    return outcomes


def _first(best: NDArray[np.float32], own: NDArray[np.int64]) -> Hits:
    rows = np.arange(len(own))
    others = best.copy()
    others[rows, own] = -np.inf
    return np.asarray(best[rows, own] > others.max(axis=1))


def linear(gallery: Gallery, attackers: Sequence[str]) -> dict[str, UserOutcome]:
    """Standardized features and multinomial logistic regression (C = 1) until it converges; no distractors.

    The problem is strictly convex, so every fit starts at the solution of the natural gallery and ends at the same
    place as one that starts at zero, in a fraction of the steps.

    Args:
        gallery: what it learns from.
        attackers: who cloaks, one at a time.

    Raises:
        ContractError: a fit did not converge.
    """
    split = gallery.split
    rows = [row for gallery_rows in split.gallery.values() for row in gallery_rows]
    labels = np.array([who for who, gallery_rows in split.gallery.items() for _ in gallery_rows])
    owners, probes = np.array(gallery.owners), gallery.asked
    base = fit_probe(gallery.natural[rows], labels, start=None)
    natural = said_by(base, probes) == owners
    outcomes = {}
    for who in attackers:
        poisoned = gallery.natural.copy()
        gallery_rows = list(split.gallery[who])
        poisoned[gallery_rows] = gallery.cloaked[gallery_rows]
        hits = said_by(fit_probe(poisoned[rows], labels, start=base), probes) == owners
        mine = owners == who
        outcomes[who] = UserOutcome(hits[mine], natural[mine], hits[~mine], owners[~mine].tolist())
    return outcomes


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """Standardization and logistic regression, fitted."""

    scaler: StandardScaler
    model: LogisticRegression


def fit_probe(features: NDArray[np.float32], labels: NDArray[Any], *, start: LinearProbe | None = None) -> LinearProbe:
    """Fit standardized features by multinomial logistic regression (C = 1) until it converges.

    Args:
        features, labels: what is learned.
        start: where the steps begin, of the same labels; by default at zero.

    Raises:
        ContractError: it did not converge.
    """
    scaler = StandardScaler()
    scaled = scaler.fit_transform(features.astype(np.float64))
    model = LogisticRegression(C=1.0, tol=_TOLERANCE, max_iter=_MOST, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_ = start.model.coef_.copy(), start.model.intercept_.copy()
        model.classes_ = start.model.classes_
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(scaled, labels)
        except ConvergenceWarning as error:
            raise ContractError(f"the linear probe did not converge in {_MOST} steps", hint="report this") from error
    return LinearProbe(scaler, model)


def said_by(probe: LinearProbe, features: NDArray[np.float32]) -> NDArray[Any]:
    """The label that the probe gives to each row of features."""
    predicted: NDArray[Any] = probe.model.predict(probe.scaler.transform(features.astype(np.float64)))
    return predicted
