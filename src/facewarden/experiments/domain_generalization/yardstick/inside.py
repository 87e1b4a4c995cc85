"""The in-domain fit of a yardstick: people of a domain score other people of the same, by lines that know the domain.

What gives attacks away may have another side at every domain. One line for all tested domains cannot say so, and then
is no ceiling. So each domain has a line of its own beside a common one; dev people choose how much is common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from facewarden.core.labels import BONA_FIDE
from facewarden.core.seeding import derive
from facewarden.experiments.domain_generalization.yardstick.fits import Captured, Rows
from facewarden.experiments.domain_generalization.yardstick.rules import HOLDING_OUT, STRENGTHS
from facewarden.metrics.pad import auc, eer_threshold
from facewarden.nn.floors.ridge import scaling_of

COMMON = (1.0, 0.5, 0.2, 0.05)
"""Shares of the common line; 1 is one line for all domains."""
ONE_LINE = "one_line"
"""Name of the in-domain fit whose share of the common line is 1."""
_Matrix = NDArray[np.float64]


def in_domain(
    rows: Rows, about: Captured, *, targets: Sequence[str], groups: Sequence[str], common: Sequence[float] = COMMON
) -> dict[str, NDArray[np.float64]]:
    """Scores of all target captures from fits on other people of the same domains, at most as many as of the sources.

    People are divided into five parts within each domain: three fit, one chooses share, strength and threshold, one is
    tested, in turn. Numbers are standardized within each domain first, since whoever knows the domain knows its level.

    Args:
        rows, about, targets: as of `cross_domain`.
        groups: "all", or species groups, each fitted alone.
        common: shares of the common line that are tried.
    """
    tested = np.isin(about.domain, list(targets))
    place = np.flatnonzero(tested)
    standard, domain = _within(rows[tested], about.domain[tested]), about.domain[tested]
    label, part = about.label[tested], _parts(about, place)
    alike, same = (standard @ standard.T).astype(np.float64), domain[:, None] == domain
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
            scores[part == held] = _fitted(
                alike, same, label, train=train, dev=dev, scored=part == held, common=common
            )  # fmt: skip
        if np.isfinite(scores).all():
            found[group] = scores
    return found


def _fitted(
    alike: _Matrix, same: NDArray[np.bool_], label: NDArray[np.int64], *, train: NDArray[np.bool_],
    dev: NDArray[np.bool_], scored: NDArray[np.bool_], common: Sequence[float],
) -> NDArray[np.float64]:  # fmt: skip
    """Minimize `|y - X w - X_d v_d - c|^2 + strength (|w|^2 / share + sum |v_d|^2 / (1 - share))`, `d` of each row.

    In its dual form: inner products within a domain count fully, those across domains by the share.

    Args:
        alike: (n, n) inner products of standardized rows.
        same: (n, n) whether two rows are of one domain.
        label: (n,).
        train, dev, scored: (n,) which rows fit, choose, and are scored.
        common: shares that are tried; the larger of equal ones is kept, as is the larger strength.

    Returns:
        Scores of the scored rows, 0 at dev's equal error rate.
    """
    answer = np.where(label[train] == BONA_FIDE, 1.0, -1.0)
    middle, wanted = float(answer.mean()), label[dev]
    best, kept = (-1.0, 0.0, 0.0), np.zeros(0)
    for share in common:
        kernel = alike * np.where(same, 1.0, share)
        values, vectors = scipy.linalg.eigh(kernel[np.ix_(train, train)], overwrite_a=True, check_finite=False)
        target = vectors.T @ (answer - middle)
        for strength in STRENGTHS:
            weights = vectors @ (target / (np.maximum(values, 0.0) + strength))
            chosen_by = kernel[np.ix_(dev, train)] @ weights
            order = (auc(chosen_by, wanted), share, strength)
            if order > best:
                best, kept = order, kernel[np.ix_(scored, train)] @ weights - eer_threshold(chosen_by, wanted)
    return kept


def _both(labels: NDArray[np.int64]) -> bool:
    return set(labels.tolist()) == {0, 1}


def _within(rows: Rows, domain: NDArray[Any]) -> Rows:
    standard = np.empty_like(rows)
    for name in np.unique(domain):
        here = domain == name
        standard[here] = scaling_of(rows[here]).of(rows[here])
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
