"""Set a threshold and a probability: on dev captures of both classes, or from bona fide photos of a camera alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import BONA_FIDE
from facewarden.evaluation.scores import Scores
from facewarden.evaluation.verdicts.rule import CARRIED, VerdictRule
from facewarden.metrics.pad import fit_rule
from facewarden.metrics.resample import resampling

Floats = NDArray[np.float64]
_LEAST = 10
"""Rows of each class below which no probability is calibrated."""
_CONFIDENCE = 0.95


def fitted_rule(dev: Scores, *, policy: str, detector: Mapping[str, str]) -> VerdictRule:
    """Set the threshold by a policy and calibrate the probability, both on development rows.

    Args:
        dev: rows of both classes; none of them is tested later.
        policy: see `facewarden.metrics.pad.fit_rule`.
        detector: hashes of its card.

    Raises:
        BadInputError: a class is absent, or an unknown policy.
    """
    rule = fit_rule(dev.score, dev.label, policy=policy, split="dev", species=dev.species, source=dev.source)
    where = f"dev of {dev.source}, {rule.n_bona_fide} bona fide and {rule.n_attack} attacks"
    line = None
    if min(rule.n_bona_fide, rule.n_attack) >= _LEAST:
        line = platt(dev.score, dev.label)
    slope, offset = (None, None) if line is None else line
    return VerdictRule(
        threshold=rule.threshold,
        policy=rule.policy,
        where=where,
        n_bona_fide=rule.n_bona_fide,
        n_attack=rule.n_attack,
        slope=slope,
        offset=offset,
        probability=_words(line, where, fewest=min(rule.n_bona_fide, rule.n_attack)),
        detector=detector,
        simulated=dev.simulated,
    )


def _words(line: tuple[float, float] | None, where: str, *, fewest: int) -> str:
    if line is not None:
        return f"Platt scaling on {where}, at equal priors"
    if fewest < _LEAST:
        return f"none, {fewest} dev rows of a class are fewer than {_LEAST}"
    return "none, scores of bona fide are not higher than those of attacks"


def platt(score: Floats, label: NDArray[np.int64]) -> tuple[float, float] | None:
    """Slope and offset of the log-odds of bona fide by score, both classes weighing the same; None if it falls.

    The targets are those of Platt, (n + 1) / (n + 2) instead of 1 and 1 / (n + 2) instead of 0, so that classes which
    do not overlap have a finite slope.

    Args:
        score: (n,) finite.
        label: (n,) 1 = bona fide, 0 = attack.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    from sklearn.linear_model import LogisticRegression

    bona_fide = label == BONA_FIDE
    positive, negative = int(bona_fide.sum()), int((~bona_fide).sum())
    target = np.where(bona_fide, (positive + 1) / (positive + 2), 1 / (negative + 2))
    weight = np.where(bona_fide, 0.5 / positive, 0.5 / negative) * len(score)
    center, spread = float(score.mean()), float(score.std()) or 1.0
    column = ((score - center) / spread).reshape(-1, 1)
    # a soft target is one row of each class, weighted by it
    model = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(
        np.concatenate([column, column]),
        np.concatenate([np.ones(len(score)), np.zeros(len(score))]),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    slope = float(model.coef_[0, 0]) / spread
    return None if slope <= 0 else (slope, float(model.intercept_[0]) - slope * center)


def carried_rule(
    score: Floats, subject: NDArray[Any], *, bpcer: float, where: str, detector: Mapping[str, str], seed: int = 0
) -> VerdictRule:
    """Carry a threshold over to another camera: the one that rejects a share of its bona fide photos.

    Attacks of that camera were not seen, so how many pass at this threshold is not known; the rule says so. The
    interval is the wider one of the order statistics of independent photos and of a bootstrap over subjects.

    Args:
        score: (n,) of bona fide photos.
        subject: (n,) who they show.
        bpcer: the share to be rejected.
        where: what these photos are.
        detector: hashes of its card.
        seed: of the bootstrap.

    Raises:
        BadInputError: a share that is none, or fewer photos than it needs to mean anything.
    """
    if not 0 < bpcer < 1:
        raise BadInputError(f"BPCER {bpcer:g}", hint="--bpcer 0.05, a share between 0 and 1")
    count = len(score)
    if count * bpcer < 1 - 1e-9:
        raise BadInputError(
            f"{count} bona fide photos cannot set a BPCER of {bpcer:g}",
            hint=f"at least {int(np.ceil(1 / bpcer))} photos, or --bpcer {1 / max(count, 2):.2g}",
        )
    ordered = np.sort(score)
    threshold = _between(ordered, int(np.floor(count * bpcer + 1e-9)))  # 100 x 0.29 is 28.999... in floating point
    low, high = _interval(ordered, score, subject, bpcer=bpcer, seed=seed)
    people = len(set(subject.tolist()))
    return VerdictRule(
        threshold=threshold,
        policy=f"bpcer={bpcer:g}",
        where=f"{where}: {CARRIED}, {count} of {people} subjects",
        n_bona_fide=count,
        low=min(low, threshold),
        high=max(high, threshold),
        detector=detector,
        remarks=(
            "the threshold was carried over from bona fide photos alone: how many attacks pass it (APCER) is not known",
        ),
    )


def _between(ordered: Floats, below: int) -> float:
    """A threshold that rejects so many of the lowest scores, halfway to the next one."""
    below = min(max(below, 0), len(ordered) - 1)
    if below == 0:
        return float(ordered[0])
    return float((ordered[below - 1] + ordered[below]) / 2)


def _interval(ordered: Floats, score: Floats, subject: NDArray[Any], *, bpcer: float, seed: int) -> tuple[float, float]:
    from scipy.stats import binom  # takes a third of a second, which scoring one photo does not need

    count = len(ordered)
    tail = (1 - _CONFIDENCE) / 2
    first = int(binom.ppf(tail, count, bpcer))
    last = int(binom.ppf(1 - tail, count, bpcer))
    low, high = float(ordered[max(first - 1, 0)]), float(ordered[min(last, count - 1)])
    names, codes = np.unique(subject, return_inverse=True)
    if len(names) < 2 or len(names) == count:
        return low, high
    drawn = resampling(codes.reshape(-1), len(names), seed=seed, rounds=1000)
    order = np.argsort(score)
    weights = drawn.weights[:, drawn.unit[order]].astype(np.float64)
    reached = np.cumsum(weights, axis=1) >= bpcer * np.maximum(weights.sum(axis=1, keepdims=True), 1)
    found = score[order][np.argmax(reached, axis=1)]
    return min(low, float(np.quantile(found, tail))), max(high, float(np.quantile(found, 1 - tail)))
