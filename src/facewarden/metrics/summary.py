"""Every presentation attack detection figure of one test set, each with its interval and row count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from facewarden.core.decision import DecisionRule
from facewarden.metrics.checked import (
    Array,
    Bools,
    Floats,
    Ints,
    area_under_curve,
    checked_labels,
    checked_scores,
    checked_species,
    codes_of,
    equal_error,
    error_curve,
    nonempty,
    same_length,
    threshold_for_accepts,
)
from facewarden.metrics.curves import CurveReplicates, thin
from facewarden.metrics.estimate import Estimate, worst_of
from facewarden.metrics.intervals import Interval, count_interval, is_ordinary, sum_interval
from facewarden.metrics.resample import Resampling, resampling

BPCER_AT = {"bpcer10": 0.10, "bpcer20": 0.05, "bpcer100": 0.01}


@dataclass(frozen=True)
class NamedInterval:
    """An interval with the name of what it measures; `facewarden.reporting.document.Metric` says more for a report.

    Attributes:
        name: which figure, e.g. "apcer/print" or "bpcer20_worst_species".
        value: on the rows as they are.
        low, high: 95 % bounds.
        n: how many rows it was computed on.
        unit: empty for a share between 0 and 1.
        note: how the bounds were found and what a reader must know.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class PresentationRows:
    """Checked rows of both classes with what they share: species groups and the resampling of subjects.

    Attributes:
        scores: (n,) finite, higher = more bona fide.
        bona_fide: (n,) which rows are bona fide.
        species: name -> indices of its attack rows; every attack row is in one of them.
        subject: (n,) number of the subject of each row.
        drawn: the resamples of subjects.
    """

    scores: Floats
    bona_fide: Bools
    species: dict[str, Ints]
    subject: Ints
    drawn: Resampling

    def subjects_among(self, rows: Bools | Ints) -> int:
        """How many subjects have at least one of some rows."""
        return int(np.count_nonzero(np.bincount(self.subject[rows], minlength=self.drawn.subjects)))


def presentation_summary(
    scores: Array,
    labels: Array,
    *,
    species: Array,
    subjects: Array,
    rule: DecisionRule,
    seed: int,
    rounds: int = 1000,
    confidence: float = 0.95,
) -> list[NamedInterval]:
    """All error rates of one detector on one set, with intervals by subject.

    Args:
        scores: (n,) higher = more bona fide.
        labels: (n,) 1 = bona fide, 0 = attack.
        species: (n,) PAI species of the attack rows; entries of bona fide rows are ignored.
        subjects: (n,) who is shown; rows of one subject are resampled together.
        rule: the threshold, set elsewhere. EER, AUC and BPCER at an APCER do not use it: they describe the ranking.
        seed: same seed and rows, same bounds.
        rounds: bootstrap resamples.
        confidence: of the bounds.

    Returns:
        In this order: "apcer/<species>" for each, "apcer_worst_species", "apcer_pooled", "bpcer", "acer_worst_species",
        "acer_pooled" (equal to the HTER), "hter", "eer", "auc", and "bpcer10", "bpcer20", "bpcer100" each with
        "_worst_species" and "_pooled".

    Raises:
        BadInputError: one class only, NaN scores, or arrays of different lengths.
    """
    rows = _checked_rows(scores, labels, species, subjects, seed=seed, rounds=rounds)
    return rates_at(rows, rule.threshold, confidence=confidence) + rates_of_ranking(rows, confidence=confidence)


def _checked_rows(
    scores: Array, labels: Array, species: Array, subjects: Array, *, seed: int, rounds: int
) -> PresentationRows:
    values = checked_scores(scores)
    columns = {"labels": labels, "species": species, "subjects": subjects}
    for name, column in columns.items():
        same_length(values, np.asarray(column), names=f"scores and {name}")
    bona_fide = checked_labels(labels)
    nonempty(values[bona_fide], what="bona fide")
    nonempty(values[~bona_fide], what="attack")
    attacks = np.flatnonzero(~bona_fide)
    codes, names = codes_of(checked_species(np.asarray(species)[attacks]))
    people, who = codes_of(np.asarray(subjects))
    return PresentationRows(
        scores=values,
        bona_fide=bona_fide,
        species={str(name): attacks[codes == code] for code, name in enumerate(names)},
        subject=people,
        drawn=resampling(people, who.size, seed=seed, rounds=rounds),
    )


def rates_at(rows: PresentationRows, threshold: float, *, confidence: float = 0.95) -> list[NamedInterval]:
    """The error rates at one threshold, as the first of `presentation_summary`."""
    accepted = (rows.scores >= threshold).astype(np.float64)

    def rate(chosen: Bools | Ints, errors: Floats) -> Callable[[float], Interval]:
        who = rows.subject[chosen]
        counts = np.bincount(who, weights=errors[chosen], minlength=rows.drawn.subjects)
        return partial(_counted, counts, np.bincount(who, minlength=rows.drawn.subjects))

    by_species = {name: rate(chosen, accepted) for name, chosen in rows.species.items()}
    pooled = rate(~rows.bona_fide, accepted)(confidence)
    rejected = rate(rows.bona_fide, 1.0 - accepted)(confidence)
    worst, weakest = worst_of(by_species, confidence)
    half_worst, half_pooled = (_half(part, rejected) for part in (worst, pooled))
    return [
        *(named_interval(f"apcer/{name}", found(confidence)) for name, found in by_species.items()),
        named_interval("apcer_worst_species", worst, note=f"weakest species: {weakest}"),
        named_interval("apcer_pooled", pooled),
        named_interval("bpcer", rejected),
        named_interval("acer_worst_species", half_worst, note=f"weakest species: {weakest}"),
        named_interval("acer_pooled", half_pooled),
        named_interval("hter", half_pooled),
    ]


def _counted(errors: Array, rows: Array, confidence: float) -> Interval:
    return count_interval(errors, rows, confidence=confidence)


def _half(one: Interval, two: Interval) -> Interval:
    """The mean of two error rates of different rows."""
    return sum_interval((one.value + two.value) / 2, [(0.5, one), (0.5, two)], n=one.n + two.n)


def rates_of_ranking(rows: PresentationRows, *, confidence: float = 0.95) -> list[NamedInterval]:
    """The figures that no threshold is set for, EER, AUC and BPCER at an APCER, as the last of `presentation_summary`.

    A BPCER at an APCER is an oracle's here: its threshold is chosen on the rows that it is measured on.
    """
    bona_fide, attack = rows.scores[rows.bona_fide], rows.scores[~rows.bona_fide]
    curve = error_curve(bona_fide, attack)
    replicated = CurveReplicates(
        rows.scores,
        thin(curve.thresholds, [bona_fide, attack]),
        bona_fide=rows.bona_fide,
        species=rows.species,
        drawn=rows.drawn,
    )
    of_bona_fide, of_attack = rows.subjects_among(rows.bona_fide), rows.subjects_among(~rows.bona_fide)

    def ranking(value: float, replicates: Floats) -> Estimate:
        # Without a bootstrap spread (classes fully apart) the figure rests on the class with fewer subjects.
        return Estimate.shifted(value, replicates, n=rows.scores.size, subjects=min(of_bona_fide, of_attack))

    def bpcer_at(target: float, group: Floats, accept: Floats) -> Estimate:
        threshold = threshold_for_accepts(bona_fide, [group], target=target)
        replicates = replicated.bpcer_at(target, accept)
        value = float(np.mean(bona_fide < threshold))
        return Estimate.shifted(value, replicates, n=bona_fide.size, subjects=of_bona_fide)

    found = [
        named_interval("eer", ranking(equal_error(curve)[0], replicated.eer()).interval(confidence)),
        named_interval("auc", ranking(area_under_curve(bona_fide, attack), replicated.auc()).interval(confidence)),
    ]
    for name, target in BPCER_AT.items():
        # The threshold that holds for every species is the highest of theirs, so this BPCER is a maximum as well.
        by_species = {
            kind: bpcer_at(target, rows.scores[chosen], replicated.by_species[kind])
            for kind, chosen in rows.species.items()
        }
        # A species that never binds has the same doubt about the bona fide rows as the others and adds none of its own.
        highest = max(one.value for one in by_species.values())
        binding = {kind: one.interval for kind, one in by_species.items() if one.varies or one.value == highest}
        worst, weakest = worst_of(binding, confidence)
        note = "; ".join(
            part for part in (f"weakest species: {weakest}", _none_accepted(rows.species[weakest].size, target)) if part
        )
        found.append(named_interval(f"{name}_worst_species", worst, note=note))
        pooled = bpcer_at(target, attack, replicated.pooled)
        found.append(
            named_interval(f"{name}_pooled", pooled.interval(confidence), note=_none_accepted(attack.size, target))
        )
    return found


def _none_accepted(attacks: int, target: float) -> str:
    """What a share of so few attacks comes to, where it allows none of them."""
    return f"{attacks} attacks: an APCER of {target:.0%} allows none of them" if attacks * target < 1 else ""


def named_interval(name: str, found: Interval, *, note: str = "") -> NamedInterval:
    """Name an interval; the note says how its bounds were found, unless as those of its kind always are."""
    text = "; ".join(part for part in (note, "" if is_ordinary(found.method) else found.method) if part)
    return NamedInterval(name=name, value=found.value, low=found.low, high=found.high, n=found.n, note=text)
