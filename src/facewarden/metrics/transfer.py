"""Measures of domain generalization: the community's rule beside a frozen threshold, per video, over seeds, in pairs.

The community's HTER is read off the *target's own* ROC curve: it knows the answers and is marked as such wherever it is
printed. Every measure comes with its value on each resample of the subjects, so that means over seeds and protocols and
differences of two methods on the same rows get their intervals from the same draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.metrics.checked import (
    Array,
    Floats,
    area_under_curve,
    checked_labels,
    checked_scores,
    codes_of,
    error_curve,
    nonempty,
    same_length,
)
from facewarden.metrics.curves import CurveReplicates, thin
from facewarden.metrics.intervals import Interval, percentile_interval
from facewarden.metrics.pad import bpcer as bpcer_of
from facewarden.metrics.pad import bpcer_at_apcer, pooled_apcer, split_classes
from facewarden.metrics.refit import error_rate_replicates
from facewarden.metrics.resample import resampling
from facewarden.metrics.summary import BPCER_AT

TARGET_PEEKING = ("hter_at_target_eer", "threshold_regret", "bpcer20")
"""Measures that use the target's labels to set their threshold."""


@dataclass(frozen=True)
class Vertex:
    """A point of a ROC curve: half total error rate, and the threshold there (accept iff score >= threshold)."""

    hter: float
    threshold: float


def hter_at_target_eer(scores: Array, labels: Array) -> Vertex:
    """HTER at the vertex of these rows' own ROC curve where |TPR + FPR - 1| is smallest; it peeks at the labels.

    Vertices are those of scikit-learn's `roc_curve` with collinear points dropped, from reject-all downward; the first
    of equals is taken. Source: the evaluation of the MMDG lineage, where it is called HTER.

    Args:
        scores: (n,) higher = more bona fide.
        labels: (n,) 1 = bona fide, 0 = attack.

    Raises:
        BadInputError: a class without rows, a NaN score or an unknown label.

    >>> hter_at_target_eer(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).hter
    0.5
    """
    values = checked_scores(scores)
    same_length(values, np.asarray(labels), names="scores and labels")
    bona_fide = checked_labels(labels)
    nonempty(values[bona_fide], what="bona fide")
    nonempty(values[~bona_fide], what="attack")
    order = np.argsort(-values, kind="stable")
    ordered, positive = values[order], bona_fide[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    accepted, false = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    kept = np.ones(ends.size, bool)
    if ends.size > 2:  # points between two others on one line are no vertices
        kept[1:-1] = (np.diff(false, 2) != 0) | (np.diff(accepted, 2) != 0)
    tpr = np.append(0.0, accepted[kept] / positive.sum())
    fpr = np.append(0.0, false[kept] / (~positive).sum())
    best = int(np.argmin(np.abs(tpr + fpr - 1)))
    threshold = np.inf if best == 0 else float(ordered[ends[kept]][best - 1])
    return Vertex(float((fpr[best] + 1 - tpr[best]) / 2), float(threshold))


def video_means(scores: Array, videos: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    """Mean score of each video, and the position of the first row of each.

    Args:
        scores: (n,).
        videos: (n,) which video each row is a frame of.
    """
    values = checked_scores(scores)
    same_length(values, np.asarray(videos), names="scores and videos")
    names, first, code = np.unique(np.asarray(videos), return_index=True, return_inverse=True)
    means = np.bincount(code, weights=values) / np.bincount(code)
    order = np.argsort(first, kind="stable")
    assert names.size == means.size
    return means[order], first[order].astype(np.int64)


@dataclass(frozen=True)
class Replicated:
    """A figure and its values on resamples of the subjects.

    Attributes:
        value: on the rows as they are; a mean over several for joined ones.
        replicates: (rounds,); NaN where a resample lacks a class.
        n: rows.
        subjects: people with rows.
    """

    value: float
    replicates: Floats
    n: int
    subjects: int

    def interval(self, *, proportion: bool = True, confidence: float = 0.95) -> Interval:
        """Percentile interval over the resamples."""
        return percentile_interval(
            self.value, self.replicates, n=self.n, subjects=self.subjects, confidence=confidence, proportion=proportion
        )


def transfer_measures(
    scores: Array,
    labels: Array,
    *,
    subjects: Array,
    threshold: float,
    seed: int,
    rounds: int = 400,
    thresholds: Floats | None = None,
) -> dict[str, Replicated]:
    """Error rates of one model on one target: at a threshold set elsewhere, and by the community's rule.

    Args:
        scores, labels, subjects: (n,) of the target's rows.
        threshold: set on other rows; accept iff score >= threshold.
        seed: of the resamples; the same seed and subjects give the same draws, which pairs models.
        rounds: how many resamples.
        thresholds: (rounds,) the threshold set anew on resamples of the rows that set it, see
            `facewarden.metrics.refit`; without them intervals take the threshold for known.

    Returns:
        "hter", "apcer_pooled", "bpcer" at the threshold; "auc"; and what peeks: "hter_at_target_eer",
        "threshold_regret" (HTER minus HTER at the target's own EER: what the transferred threshold costs) and
        "bpcer20" (BPCER at the target's threshold of 5 % APCER, all attacks pooled).

    Raises:
        BadInputError: a class without rows, or arrays of different lengths.
    """
    if thresholds is not None and thresholds.shape != (rounds,):
        raise BadInputError(f"{thresholds.shape} thresholds for {rounds} rounds", hint="one for every round")
    values, who = checked_scores(scores), np.asarray(subjects)
    same_length(values, who, names="scores and subjects")
    bona_fide = checked_labels(labels)
    codes, people = codes_of(who)
    drawn = resampling(codes, people.size, seed=seed, rounds=rounds)
    positive, negative = values[bona_fide], values[~bona_fide]
    at_vertex = hter_at_target_eer(values, labels).hter
    size, persons = values.size, int(people.size)

    each = np.full(rounds, threshold) if thresholds is None else thresholds

    def rate(rows: NDArray[np.bool_], *, accept: bool) -> Replicated:
        value = float(((values[rows] >= threshold) == accept).mean())
        found = error_rate_replicates(
            values[rows], thresholds=each, accept=accept, unit=drawn.unit[rows], weights=drawn.weights
        )
        return Replicated(value, found, int(rows.sum()), int(np.unique(codes[rows]).size))

    apcer, bpcer = rate(~bona_fide, accept=True), rate(bona_fide, accept=False)
    curve = error_curve(positive, negative)
    replicated = CurveReplicates(
        values, thin(curve.thresholds, [positive, negative]), bona_fide=bona_fide, species={}, drawn=drawn
    )

    def moved(value: float, found: Floats) -> Replicated:
        # the last entry is the rows as they are: the thinned curve is moved by what it costs there
        return Replicated(value, np.clip(found[:-1] + (value - found[-1]), 0.0, 1.0), size, persons)

    hter = Replicated((apcer.value + bpcer.value) / 2, (apcer.replicates + bpcer.replicates) / 2, size, persons)
    own = moved(at_vertex, replicated.eer())
    strict = bpcer_at_apcer(values, labels, apcer=BPCER_AT["bpcer20"], over="pooled")
    return {
        "hter": hter,
        "apcer_pooled": apcer,
        "bpcer": bpcer,
        "auc": moved(area_under_curve(positive, negative), replicated.auc()),
        "hter_at_target_eer": own,
        "threshold_regret": Replicated(hter.value - own.value, hter.replicates - own.replicates, size, persons),
        "bpcer20": moved(strict, replicated.bpcer_at(BPCER_AT["bpcer20"], replicated.pooled)),
    }


def transfer_values(scores: Array, labels: Array, *, threshold: float) -> dict[str, float]:
    """The figures of `transfer_measures` without resamples, for means over domains, whose spread is their interval.

    Args:
        scores, labels: (n,) of the target's rows.
        threshold: set on other rows; accept iff score >= threshold.

    Raises:
        BadInputError: a class without rows, or arrays of different lengths.
    """
    values = checked_scores(scores)
    bona_fide, attack = split_classes(values, labels)
    apcer, bpcer = pooled_apcer(attack, threshold), bpcer_of(bona_fide, threshold)
    own = hter_at_target_eer(values, labels).hter
    return {
        "hter": (apcer + bpcer) / 2,
        "apcer_pooled": apcer,
        "bpcer": bpcer,
        "auc": area_under_curve(bona_fide, attack),
        "hter_at_target_eer": own,
        "threshold_regret": (apcer + bpcer) / 2 - own,
        "bpcer20": bpcer_at_apcer(values, labels, apcer=BPCER_AT["bpcer20"], over="pooled"),
    }


def mean_over(parts: Sequence[Replicated]) -> Replicated:
    """Mean of figures, for example of several targets; where these have the same people they must share their draws.

    Raises:
        BadInputError: there are none.
    """
    if not parts:
        raise BadInputError("no figures to average", hint="a table needs at least one result")
    return Replicated(
        value=float(np.mean([part.value for part in parts])),
        replicates=np.mean([part.replicates for part in parts], axis=0),
        n=sum(part.n for part in parts),
        subjects=sum(part.subjects for part in parts),
    )


def over_seeds(parts: Mapping[int, Replicated], *, seed: int) -> Replicated:
    """Mean over training seeds; a resample draws subjects and seeds, so that both doubts are in the interval.

    Args:
        parts: seed -> the figure on the same rows, made with the same draws.
        seed: of the draw of seeds; the same for methods that are to be compared.

    With three seeds the drawn spread of seeds is too narrow by a factor of about 0.8; tables say how many there are.
    """
    names = sorted(parts)
    table = np.stack([parts[name].replicates for name in names])
    rounds = table.shape[1]
    drawn = np.random.default_rng(derive(seed, "seeds", len(names))).integers(0, len(names), (len(names), rounds))
    return Replicated(
        value=float(np.mean([parts[name].value for name in names])),
        replicates=np.take_along_axis(table, drawn, axis=0).mean(axis=0),
        n=parts[names[0]].n,
        subjects=parts[names[0]].subjects,
    )


def difference(first: Replicated, second: Replicated) -> Replicated:
    """`first - second` on the same rows and draws: a paired difference.

    Raises:
        BadInputError: the two were measured on different rows.
    """
    if (first.n, first.subjects, first.replicates.shape) != (second.n, second.subjects, second.replicates.shape):
        raise BadInputError("a paired difference needs the same rows and draws", hint="compare cells of one protocol")
    return Replicated(first.value - second.value, first.replicates - second.replicates, first.n, first.subjects)
