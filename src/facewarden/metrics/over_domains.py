"""Means over domains whose interval draws domains, and people within each: what to expect of further domains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.metrics.checked import Array, Floats, checked_labels, checked_scores, codes_of, nonempty, same_length
from facewarden.metrics.resample import resampling
from facewarden.metrics.transfer import Replicated


def replicated_auc(scores: Array, labels: Array, *, subjects: Array, seed: int, rounds: int = 400) -> Replicated:
    """Area under the ROC curve of one domain, and on resamples of its people, exactly, ties counting one half.

    Args:
        scores, labels, subjects: (n,) of the domain's rows, 1 = bona fide, 0 = attack.
        seed: of the resamples; the same seed and people give the same draws.
        rounds: how many.

    Raises:
        BadInputError: a class without rows, a NaN score, or arrays of different lengths.
    """
    values, bona_fide = checked_scores(scores), checked_labels(labels)
    who = np.asarray(subjects)
    for other, name in ((bona_fide, "labels"), (who, "subjects")):
        same_length(values, other, names=f"scores and {name}")
    positive, negative = values[bona_fide], values[~bona_fide]
    nonempty(positive, what="bona fide")
    nonempty(negative, what="attack")
    codes, people = codes_of(who)
    drawn = resampling(codes, people.size, seed=seed, rounds=rounds)
    weights = drawn.weights.astype(np.float64)
    wins = (positive[:, None] > negative).astype(np.float64) + 0.5 * (positive[:, None] == negative)
    of_positive, of_negative = weights[:, drawn.unit[bona_fide]], weights[:, drawn.unit[~bona_fide]]
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = ((of_positive @ wins) * of_negative).sum(axis=1)
        areas = areas / (of_positive.sum(axis=1) * of_negative.sum(axis=1))
    return Replicated(float(wins.mean()), areas, values.size, int(people.size))


def over_domains(parts: Mapping[str, Replicated], *, seed: int) -> Replicated:
    """Mean over domains with equal weights; a resample draws domains with replacement, and people within each.

    A domain that is drawn twice gets two independent resamples of its people. The same seed and domains give the same
    draws, so that methods measured on the same rows are paired.

    Args:
        parts: domain -> the figure there, with its values on resamples of its people.
        seed: of the draws.

    Raises:
        BadInputError: there are none.

    Source: two-stage bootstrap of clusters, Davison and Hinkley, Bootstrap Methods and Their Application, 1997,
    section 3.8.
    """
    if not parts:
        raise BadInputError("no figures to average", hint="a group needs at least one domain with enough captures")
    names = sorted(parts)
    table = np.stack([parts[name].replicates for name in names])
    domains, rounds = table.shape
    rng = np.random.default_rng(derive(seed, "domains", *names))
    drawn = rng.integers(0, domains, (domains, rounds))
    people = rng.integers(0, rounds, (domains, rounds))
    return Replicated(
        value=float(np.mean([parts[name].value for name in names])),
        replicates=_mean(table[drawn, people]),
        n=sum(parts[name].n for name in names),
        subjects=sum(parts[name].subjects for name in names),
    )


def _mean(table: Floats) -> Floats:
    """Mean over the drawn domains; one whose people, as drawn, lack a class has no figure and does not count."""
    known = np.isfinite(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)
    return found


def weighted(parts: Mapping[str, Replicated], weights: Mapping[str, float]) -> Replicated:
    """A weighted mean of figures that share their draws, for example of groups of species at the same domains.

    Args:
        parts: name -> figure.
        weights: name -> weight, of every part.

    Raises:
        BadInputError: a part without a weight, or weights that are not positive.
    """
    if not parts or set(parts) - set(weights) or any(weights[name] <= 0 for name in parts):
        raise BadInputError(f"weights of {sorted(weights)} for {sorted(parts)}", hint="a positive weight for each")
    total = sum(weights[name] for name in parts)
    return Replicated(
        value=sum(weights[name] * part.value for name, part in parts.items()) / total,
        replicates=np.sum([weights[name] * part.replicates for name, part in parts.items()], axis=0) / total,
        n=sum(part.n for part in parts.values()),
        subjects=max(part.subjects for part in parts.values()),
    )
