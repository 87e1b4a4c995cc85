"""Measures a table of scores: thresholds from dev with their rates on dev and on test, responses, ranking, curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facewarden.core.decision import DecisionRule
from facewarden.evaluation.polarity import reversed_words
from facewarden.evaluation.score_file.halves import Parted
from facewarden.evaluation.score_file.rows import BEYOND, ScoredRows
from facewarden.metrics.intervals import count_interval
from facewarden.metrics.laboratory.det import Det, det_curve
from facewarden.metrics.pad import fit_rule
from facewarden.metrics.resample import resampling
from facewarden.metrics.summary import NamedInterval, PresentationRows, named_interval, rates_at, rates_of_ranking

TARGETS = (0.01, 0.05, 0.10)
"""APCER of the worst species for which a threshold is set on dev."""
BINS = 48


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it does.

    Attributes:
        policy: how it was set, "given" where it was.
        value: accept iff score >= value.
        rule: with the rows that it was set on; None where it was given.
        dev: rates on the rows that it was set on; empty where it was given.
        test: rates on rows that it has not seen.
        where: where it comes from, in words.
    """

    policy: str
    value: float
    rule: DecisionRule | None
    dev: tuple[NamedInterval, ...]
    test: tuple[NamedInterval, ...]
    where: str = "dev"


@dataclass(frozen=True, eq=False)
class MeasuredScores:
    """What a table of scores says.

    Attributes:
        parts: rows of dev and test, and how they came about.
        thresholds: the main one first.
        responses: "apnrr/<species>" and "bpnrr" on test.
        ranking: EER, AUC and BPCER at an APCER on the test rows: no threshold of dev is in them (oracle).
        curves: name -> DET of all attacks and of each species, on test.
        histogram: edges, and name -> counts of bona fide and of each species, on test.
        warnings: what a reader must know before any figure.
        reasons: of rows without a score -> how many on test.
    """

    parts: Parted
    thresholds: tuple[Threshold, ...]
    responses: tuple[NamedInterval, ...]
    ranking: tuple[NamedInterval, ...]
    curves: Mapping[str, Det]
    histogram: tuple[NDArray[np.float64], Mapping[str, NDArray[np.int64]]]
    warnings: tuple[str, ...]
    reasons: Mapping[str, int] = field(default_factory=dict)


def measure_scores(
    parts: Parted, *, policy: str = "eer", threshold: float | None = None, where: str = "given", seed: int = 0,
    rounds: int = 1000,
) -> MeasuredScores:  # fmt: skip
    """Measure the test rows.

    Args:
        parts: rows of dev and test.
        policy: how the main threshold is set on dev, see `facewarden.metrics.pad.fit_rule`.
        threshold: given; none is set then.
        where: where it comes from.
        seed, rounds: of the subject bootstrap.
    """
    test = presentation_rows(parts.test, seed=seed, rounds=rounds)
    ranking = tuple(rates_of_ranking(test))
    area = next(one for one in ranking if one.name == "auc")
    turned = reversed_words(area.value, low=area.low, high=area.high)
    told = [*([turned] if turned else []), *parts.test.remarks]
    if parts.test.subject is None:
        told.append(
            "The table has no column subject: intervals take rows as independent and are too narrow where people have "
            "several."
        )
    if parts.dev is None:
        assert threshold is not None
        found = [Threshold("given", threshold, None, (), tuple(rates_at(test, threshold)), where)]
    else:
        found = _set_on_dev(parts.dev, test, policy=policy, seed=seed)
    if odd := one_sided_words(test.scores, threshold=found[0].value):
        told.append(odd)
    return MeasuredScores(
        parts=parts,
        thresholds=tuple(found),
        responses=tuple(responses(parts.test)),
        ranking=ranking,
        curves=_curves(test),
        histogram=_histogram(test),
        warnings=tuple(told),
        reasons=_reasons(parts.test),
    )


def one_sided_words(scores: NDArray[np.float64], *, threshold: float) -> str:
    """What a reader must be told of scores that are all decided alike; empty where they are not.

    Args:
        scores: that were tested.
        threshold: accept iff score >= threshold.
    """
    low, high = float(scores.min()), float(scores.max())
    if low < threshold <= high:
        return ""
    span = f"Every tested score is {low:.5g}" if low == high else f"The tested scores are from {low:.5g} to {high:.5g}"
    side = "rejected" if high < threshold else "accepted"
    return (
        f"{span}: at the threshold {threshold:.5g} every presentation is {side}. Such rates say nothing of a detector "
        "where the threshold is of another scale or of another detector."
    )


def presentation_rows(rows: ScoredRows, *, seed: int, rounds: int) -> PresentationRows:
    """The rows with a response, for the metrics."""
    kept = rows.take(rows.answered)
    subject, people = subjects_of(kept)
    named = [index for index in np.unique(kept.species.codes) if index >= 0]
    species = {kept.species.names[index]: np.flatnonzero(kept.species.codes == index) for index in named}
    return PresentationRows(
        scores=kept.score,
        bona_fide=kept.bona_fide,
        species=dict(sorted(species.items())),
        subject=subject,
        drawn=resampling(subject, people, seed=seed, rounds=rounds),
    )


def subjects_of(rows: ScoredRows) -> tuple[NDArray[np.int64], int]:
    """A number for the subject of every row, and how many there are; a row without a subject is one of its own."""
    if rows.subject is None:
        return np.arange(len(rows), dtype=np.int64), len(rows)
    codes = rows.subject.codes.copy()
    unknown = codes < 0
    codes[unknown] = len(rows.subject.names) + np.arange(int(unknown.sum()))
    names, numbers = np.unique(codes, return_inverse=True)
    return numbers.astype(np.int64), names.size


def responses(rows: ScoredRows) -> list[NamedInterval]:
    """APNRR of each species and BPNRR: the share of presentations without a response (ISO/IEC 30107-3)."""
    subject, people = subjects_of(rows)
    lost = ~rows.answered

    def rate(name: str, chosen: NDArray[np.bool_]) -> NamedInterval:
        counts = np.bincount(subject[chosen], weights=lost[chosen].astype(np.float64), minlength=people)
        return named_interval(name, count_interval(counts, np.bincount(subject[chosen], minlength=people)))

    kinds = sorted((rows.species.names[code], code) for code in np.unique(rows.species.codes) if code >= 0)
    return [*(rate(f"apnrr/{name}", rows.species.codes == code) for name, code in kinds), rate("bpnrr", rows.bona_fide)]


def _set_on_dev(rows: ScoredRows, test: PresentationRows, *, policy: str, seed: int) -> list[Threshold]:
    dev = presentation_rows(rows, seed=seed, rounds=1)  # its rates are counts, nothing is drawn for them
    kept = rows.take(rows.answered)
    labels = kept.bona_fide.astype(np.int64)
    policies = [policy, *(f"bpcer_at_worst_apcer={target:g}" for target in TARGETS)]
    found = []
    for asked in dict.fromkeys(policies):
        rule = fit_rule(
            kept.score, labels, policy=asked, split="dev", species=kept.species.codes,
            source=rows.source, simulated=rows.simulated,
        )  # fmt: skip
        found.append(
            Threshold(
                rule.policy, rule.threshold, rule,
                tuple(rates_at(dev, rule.threshold)), tuple(rates_at(test, rule.threshold)),
            )
        )  # fmt: skip
    first = [one.policy for one in found]
    return [one for index, one in enumerate(found) if first.index(one.policy) == index]


def _curves(test: PresentationRows) -> dict[str, Det]:
    bona_fide = np.sort(test.scores[test.bona_fide])
    by_species = {name: np.sort(test.scores[chosen]) for name, chosen in test.species.items()}
    if len(by_species) == 1:
        return {name: det_curve(bona_fide, scores) for name, scores in by_species.items()}
    every = np.sort(test.scores[~test.bona_fide])
    return {"all attacks": det_curve(bona_fide, every)} | {
        name: det_curve(bona_fide, scores) for name, scores in by_species.items()
    }


def _histogram(test: PresentationRows) -> tuple[NDArray[np.float64], dict[str, NDArray[np.int64]]]:
    within = test.scores[np.abs(test.scores) < BEYOND]
    low, high = np.quantile(within, [0.0005, 0.9995]) if within.size else (0.0, 0.0)
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    inside = np.clip(test.scores, edges[0], edges[-1])  # the outermost bins hold what lies beyond
    groups = {"bona fide": np.flatnonzero(test.bona_fide), **test.species}
    return edges, {name: np.histogram(inside[rows], bins=edges)[0].astype(np.int64) for name, rows in groups.items()}


def _reasons(rows: ScoredRows) -> dict[str, int]:
    lost = ~rows.answered
    if not lost.any():
        return {}
    if rows.note is None:
        return {"no score in the table": int(lost.sum())}
    codes, counts = np.unique(rows.note.codes[lost], return_counts=True)
    return {
        rows.note.names[code] if code >= 0 else "no reason in the table": int(count)
        for code, count in zip(codes, counts, strict=True)
    }
