"""Face verification and identification error rates, and how well a cloak protects.

A comparison is accepted iff similarity >= threshold. Genuine comparisons are of one person, impostor ones of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import (
    Array,
    Bools,
    Floats,
    area_under_curve,
    checked_flags,
    checked_scores,
    equal_error,
    error_curve,
    nonempty,
    same_length,
    threshold_for_accepts,
)


@dataclass(frozen=True)
class FoldAccuracy:
    """Verification accuracy by cross-validation.

    Attributes:
        mean: mean accuracy over folds.
        standard_error: of that mean, from the sample standard deviation over folds.
        by_fold: accuracy on each fold.
        thresholds: the threshold used on each fold, chosen on the others.
    """

    mean: float
    standard_error: float
    by_fold: tuple[float, ...]
    thresholds: tuple[float, ...]


def fmr_fnmr(genuine: Array, impostor: Array, *, threshold: float) -> tuple[float, float]:
    """False match rate and false non-match rate at a threshold (ISO/IEC 19795-1).

    Args:
        genuine: (g,) similarities of comparisons of one person.
        impostor: (i,) similarities of comparisons of two persons.
        threshold: accept iff similarity >= threshold.

    Raises:
        BadInputError: no comparison of one kind, or a NaN similarity.

    >>> fmr_fnmr(np.array([0.9, 0.4]), np.array([0.1, 0.2, 0.5, 0.3]), threshold=0.5)
    (0.25, 0.5)
    """
    same, different = _checked(genuine, impostor)
    return float(np.mean(different >= threshold)), float(np.mean(same < threshold))


def eer(genuine: Array, impostor: Array) -> float:
    """Equal error rate: where FMR and FNMR meet, straight lines between thresholds."""
    return equal_error(error_curve(*_checked(genuine, impostor)))[0]


def eer_threshold(genuine: Array, impostor: Array) -> float:
    """The threshold whose FMR and FNMR differ least; of two equals the higher."""
    return equal_error(error_curve(*_checked(genuine, impostor)))[1]


def auc(genuine: Array, impostor: Array) -> float:
    """How often a genuine comparison is more similar than an impostor one, a tie counting one half."""
    return area_under_curve(*_checked(genuine, impostor))


def far_threshold(genuine: Array, impostor: Array, *, far: float) -> float:
    """The lowest threshold that accepts at most the share `far` of the impostor comparisons."""
    same, different = _checked(genuine, impostor)
    return threshold_for_accepts(same, [different], target=far)


def tar_at_far(genuine: Array, impostor: Array, *, far: float) -> float:
    """True accept rate at the lowest threshold whose false accept rate does not exceed `far`.

    With fewer than 1 / far impostor comparisons no impostor is tolerated, so the figure is conservative.
    """
    threshold = far_threshold(genuine, impostor, far=far)
    return 1.0 - fmr_fnmr(genuine, impostor, threshold=threshold)[1]


def accuracy_10fold(similarity: Array, same: Array, *, folds: Array) -> FoldAccuracy:
    """Verification accuracy by the LFW View 2 rule: each fold is judged by the best threshold of all other folds.

    Args:
        similarity: (n,) similarity of each pair.
        same: (n,) whether the pair shows one person.
        folds: (n,) fold number of each pair; LFW has ten, any number from two will do.

    Returns:
        Mean, standard error and the accuracy and threshold of each fold. Where several thresholds are best on the
        other folds, the middle one is taken.

    Raises:
        BadInputError: fewer than two folds, or the other folds lack a kind of pair.

    Source: Huang et al., Labeled Faces in the Wild, 2007 (View 2).
    """
    values, is_same, fold = checked_scores(similarity, what="similarities"), checked_flags(same), np.asarray(folds)
    same_length(values, is_same, names="similarity and same")
    same_length(values, fold, names="similarity and folds")
    names = np.unique(fold)
    if names.size < 2:
        raise BadInputError("cross-validation needs at least two folds", hint="pass the fold number of every pair")
    accuracies, thresholds = [], []
    for name in names:
        held = fold == name
        threshold = _best_threshold(values[~held & is_same], values[~held & ~is_same])
        accuracies.append(float(np.mean((values[held] >= threshold) == is_same[held])))
        thresholds.append(threshold)
    return FoldAccuracy(
        mean=float(np.mean(accuracies)),
        standard_error=float(np.std(accuracies, ddof=1) / np.sqrt(names.size)),
        by_fold=tuple(accuracies),
        thresholds=tuple(thresholds),
    )


def rank_hits(similarity: Array, probe_ids: Array, *, gallery_ids: Array, k: int = 1) -> Bools:
    """Whether each probe's own identity is among its `k` most similar gallery identities.

    Args:
        similarity: (p, g) similarity of every probe to every gallery image.
        probe_ids: (p,) identity of each probe.
        gallery_ids: (g,) identity of each gallery image; several images of one identity count as one candidate with
            the highest of their similarities.
        k: how many candidates are looked at.

    Returns:
        (p,) booleans. A tie counts against the probe, so equal embeddings for everyone identify no one.

    Raises:
        BadInputError: a probe whose identity is not in the gallery (this is closed-set identification), or NaN.
    """
    scores, probes, gallery = np.asarray(similarity, dtype=np.float64), np.asarray(probe_ids), np.asarray(gallery_ids)
    if scores.shape != (probes.size, gallery.size) or not probes.size:
        raise BadInputError(
            f"similarity has shape {scores.shape} for {probes.size} probes and {gallery.size} gallery images",
            hint="pass one row per probe and one column per gallery image",
        )
    if k < 1:
        raise BadInputError(f"k must be at least 1, got {k}", hint="use k=1 for the nearest neighbor")
    if not np.isfinite(scores).all():
        raise BadInputError("a similarity is NaN or infinite", hint="check the embeddings")
    absent = ~np.isin(probes, gallery)
    if absent.any():
        raise BadInputError(
            f"probe identity {probes[np.argmax(absent)]!s} is not in the gallery ({np.count_nonzero(absent)} probes)",
            hint="enroll it or drop its probes; identification here is closed-set",
        )
    order = np.argsort(gallery, kind="stable")
    names, starts = np.unique(gallery[order], return_index=True)
    by_identity = np.maximum.reduceat(scores[:, order], starts, axis=1)
    own = np.searchsorted(names, probes)
    mate = by_identity[np.arange(probes.size), own]
    rivals = np.count_nonzero(by_identity >= mate[:, None], axis=1) - 1
    hits: Bools = rivals < k
    return hits


def rank_k(similarity: Array, probe_ids: Array, *, gallery_ids: Array, k: int = 1) -> float:
    """Share of probes whose own identity is among the `k` most similar gallery identities; arguments as `rank_hits`.

    >>> rank_k(np.array([[0.9, 0.1], [0.8, 0.3]]), np.array(["a", "b"]), gallery_ids=np.array(["a", "b"]), k=1)
    0.5
    """
    return float(np.mean(rank_hits(similarity, probe_ids, gallery_ids=gallery_ids, k=k)))


def protection_rate(predicted: Array, actual: Array) -> float:
    """Share of a cloaked user's clean probes that the tracker does not recognize: 1 - accuracy.

    Args:
        predicted: (n,) identity the tracker, trained on cloaked photos, gives each clean probe.
        actual: (n,) the probe's true identity.

    Source: Shan et al., Fawkes, USENIX Security 2020.
    """
    guesses, truth = np.asarray(predicted), np.asarray(actual)
    same_length(guesses, truth, names="predicted and actual")
    nonempty(truth, what="probe")
    return float(np.mean(guesses != truth))


def excess_protection_rate(predicted: Array, actual: Array, *, predicted_uncloaked: Array) -> float:
    """Protection that the cloak itself gives: its rate minus that of the same tracker trained on uncloaked photos.

    A weak tracker misses people who wear no cloak, too; that share is not the cloak's merit.
    """
    return protection_rate(predicted, actual) - protection_rate(predicted_uncloaked, actual)


def _best_threshold(genuine: Floats, impostor: Floats) -> float:
    nonempty(genuine, what="genuine")
    nonempty(impostor, what="impostor")
    curve = error_curve(genuine, impostor)
    errors = curve.false_accepts + curve.false_rejects
    best = np.flatnonzero(errors == errors.min())
    return curve.cut(int(best[best.size // 2]))


def _checked(genuine: Array, impostor: Array) -> tuple[Floats, Floats]:
    same = checked_scores(genuine, what="genuine similarities")
    different = checked_scores(impostor, what="impostor similarities")
    nonempty(same, what="genuine")
    nonempty(different, what="impostor")
    return same, different
