"""Every verification figure of one list of face pairs, each with its interval and pair count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facewarden.metrics import match
from facewarden.metrics._core import (
    Array,
    Bools,
    Floats,
    Ints,
    checked_flags,
    checked_scores,
    codes_of,
    crossing,
    error_curve,
    same_length,
)
from facewarden.metrics._curves import accept_rates, auc_of, reject_at_accept, thin
from facewarden.metrics._estimate import Estimate
from facewarden.metrics._resample import resampling
from facewarden.metrics.summary import Metric, metric_of


def verification_summary(
    similarity: Array,
    same: Array,
    *,
    first: Array,
    second: Array,
    seed: int,
    fars: Sequence[float] = (0.01, 0.001),
    rounds: int = 1000,
    confidence: float = 0.95,
) -> list[Metric]:
    """EER, AUC and TAR at FARs of a face recognizer, with intervals that resample the persons of the pairs.

    A resample draws persons; a genuine pair counts as often as its person was drawn, an impostor pair as often as the
    product of its two persons' draws, since two pairs that share a person are not independent. Time grows with
    rounds x pairs: about a second for 100 000 pairs.

    Args:
        similarity: (n,) similarity of each pair.
        same: (n,) whether the pair shows one person.
        first: (n,) person on the first image of each pair.
        second: (n,) person on the second image.
        seed: same seed and pairs, same bounds.
        fars: false accept rates of "tar_at_far=X"; the threshold never exceeds X on these pairs.
        rounds: bootstrap resamples.
        confidence: of the bounds.

    Returns:
        "eer", "auc" and one "tar_at_far=X" per rate; n counts genuine and impostor pairs, for TAR genuine pairs.

    Raises:
        BadInputError: pairs of one kind only, NaN similarities, or arrays of different lengths.
    """
    values, is_same = checked_scores(similarity, what="similarities"), checked_flags(same)
    for name, column in {"same": is_same, "first": np.asarray(first), "second": np.asarray(second)}.items():
        same_length(values, column, names=f"similarity and {name}")
    genuine, impostor = values[is_same], values[~is_same]
    value = {"eer": match.eer(genuine, impostor), "auc": match.auc(genuine, impostor)}  # also checks both kinds exist

    codes, people = codes_of(np.concatenate([np.asarray(first).astype(str), np.asarray(second).astype(str)]))
    drawn = resampling(codes, people.size, seed=seed, rounds=rounds)
    cells = thin(error_curve(genuine, impostor).thresholds, [genuine, impostor])
    cell = cells.of(values)
    left, right = drawn.unit[: values.size], drawn.unit[values.size :]
    as_they_are = np.ones((1, drawn.weights.shape[1]), dtype=np.float32)

    def counts(kind: Bools) -> Floats:
        weights = np.concatenate([drawn.weights, as_they_are])
        return _pair_counts(cell[kind], left[kind], right[kind], cells=cells.count, weights=weights)

    positive, negative = counts(is_same), counts(~is_same)
    accept, reject = accept_rates(negative), 1.0 - accept_rates(positive)
    replicates = {"eer": crossing(accept, reject), "auc": auc_of(positive, negative)}
    rows = {"eer": values.size, "auc": values.size}
    for far in fars:
        name = f"tar_at_far={far:g}"
        value[name] = match.tar_at_far(genuine, impostor, far=far)
        replicates[name] = 1.0 - reject_at_accept(accept, reject, target=far, steps=cells.steps)
        rows[name] = genuine.size

    def persons(kind: Bools) -> int:
        return int(np.unique(np.concatenate([codes[: values.size][kind], codes[values.size :][kind]])).size)

    subjects = min(persons(is_same), persons(~is_same))
    return [
        metric_of(
            name,
            Estimate.shifted(value[name], replicates[name], n=rows[name], subjects=subjects).interval(confidence),
        )
        for name in value
    ]


def _pair_counts(cell: Ints, left: Ints, right: Ints, *, cells: int, weights: Array) -> Floats:
    """(rounds, cells) weighted pairs in each cell; a unit is counted once where both persons are of the same unit."""
    counts = np.empty((weights.shape[0], cells))
    once = left == right
    for row, weight in enumerate(weights.astype(np.float64)):
        pairs = np.where(once, weight[left], weight[left] * weight[right])
        counts[row] = np.bincount(cell, weights=pairs, minlength=cells)
    return counts
