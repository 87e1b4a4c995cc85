"""A plan of a test: presentations, subjects, species and series for a claim, and what a finished test supports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facewarden.evaluation.planning.scheme import Scheme, SchemeLimit
from facewarden.metrics.laboratory.planning import (
    ClusteredSize,
    clustered,
    most_errors,
    power_of,
    sequential_power,
    trials_for,
    trials_with_power,
    upper_bound,
)


@dataclass(frozen=True)
class Claim:
    """What a test shall show.

    Attributes:
        metric: apcer, bpcer, iapar, far or frr.
        limit: the rate that is claimed as highest.
        per_species: whether each PAI species must show it.
    """

    metric: str
    limit: float
    per_species: bool = False


@dataclass(frozen=True)
class PlannedSize:
    """Sizes for one claim.

    Attributes:
        claim: what is to be shown.
        errors: how many errors are allowed for.
        independent: presentations, were they independent (of each species, for a claim on species).
        of_people: with several presentations of each person.
        with_power: presentations that support the claim with the asked probability at the assumed true rate; None where
            no rate was assumed.
        power: of `independent` presentations at that rate; None likewise.
    """

    claim: Claim
    errors: int
    independent: int
    of_people: ClusteredSize
    with_power: int | None
    power: float | None


def planned(
    claim: Claim, *, errors: int, per_subject: int, correlation: float, rate: float | None, power: float,
    confidence: float,
) -> PlannedSize:  # fmt: skip
    """Sizes for a claim.

    Args:
        claim: what is to be shown, with a limit above 0.
        errors: that are allowed for.
        per_subject, correlation: presentations of each person, and how alike their errors are.
        rate: assumed true rate.
        power: wanted probability that the test supports the claim at that rate.
        confidence: of the one-sided bound.
    """
    trials = trials_for(claim.limit, errors=errors, confidence=confidence)
    enough = None if rate is None else trials_with_power(claim.limit, rate=rate, power=power, confidence=confidence)
    return PlannedSize(
        claim, errors, trials, clustered(enough or trials, per_subject=per_subject, correlation=correlation),
        enough, None if rate is None else power_of(trials, claim.limit, rate=rate, confidence=confidence),
    )  # fmt: skip


@dataclass(frozen=True)
class FinishedRate:
    """A rate of a finished test.

    Attributes:
        metric: apcer, bpcer, iapar, far or frr.
        species: of the attacks; empty for others.
        errors: how many.
        n: of so many presentations.
        high: upper end of its two-sided interval by subject; None where it is not known.
        simulated: whether it was measured on rendered captures.
    """

    metric: str
    species: str
    errors: int
    n: int
    high: float | None = None
    simulated: bool = False


@dataclass(frozen=True)
class Support:
    """Whether a finished rate supports a limit.

    Attributes:
        rate: of the test.
        limit: of the scheme or claim.
        bound: one-sided Clopper-Pearson bound, as of independent presentations.
        verdict: "supported", "not shown" (the number is within, its bound is not), "exceeded" or "zero asked".
        allowed: how many errors of so many presentations would have supported it; -1 where none would.
        needed: presentations with as many errors that would support it; None where the number itself exceeds it.
    """

    rate: FinishedRate
    limit: SchemeLimit
    bound: float
    verdict: str
    allowed: int
    needed: int | None


def supports(rates: Sequence[FinishedRate], limit: SchemeLimit, *, confidence: float = 0.95) -> list[Support]:
    """What finished rates say of a limit.

    A rate of attacks that pass the detector bounds the IAPAR from above, since an attack must also match. So where no
    IAPAR of a species was measured, its APCER stands in, and can only be too high.

    Args:
        rates: of the test.
        limit: of a scheme.
        confidence: of the one-sided bound.
    """
    named = [rate for rate in rates if rate.metric == limit.metric]
    if limit.metric == "iapar":
        known = {rate.species for rate in named}
        named += [rate for rate in rates if rate.metric == "apcer" and rate.species not in known]
    return [_support(rate, limit, confidence=confidence) for rate in named]


def _support(rate: FinishedRate, limit: SchemeLimit, *, confidence: float) -> Support:
    bound = upper_bound(rate.errors, rate.n, confidence=confidence)
    share = rate.errors / rate.n
    if limit.at_most == 0:
        verdict = "exceeded" if rate.errors else "zero asked"
        return Support(rate, limit, bound, verdict, 0, None)
    worst = max(bound, rate.high or 0.0)  # people who repeat make the bound wider, never narrower
    verdict = "exceeded" if share > limit.at_most else "supported" if worst <= limit.at_most else "not shown"
    allowed = most_errors(rate.n, limit.at_most, confidence=confidence)
    needed = None
    if verdict == "not shown" and share < limit.at_most:
        needed = trials_for(limit.at_most, errors=rate.errors, confidence=confidence)
    return Support(rate, limit, bound, verdict, allowed, needed)


def sizes_missing(scheme: Scheme, sizes: Mapping[str, int]) -> list[str]:
    """Which sizes of a scheme a finished test does not reach, in words.

    Args:
        scheme: with its sizes.
        sizes: `species`, `presentations_per_species` (the fewest of any), `bona_fide`, `subjects`, as far as known.
    """
    wanted = {
        "species": scheme.sizes.species,
        "presentations_per_species": scheme.sizes.of_a_species,
        "bona_fide": scheme.sizes.bona_fide,
        "subjects": scheme.sizes.subjects,
    }
    words = {
        "species": "PAI species", "presentations_per_species": "presentations of every species",
        "bona_fide": "bona fide presentations", "subjects": "subjects",
    }  # fmt: skip
    return [
        f"{words[name]}: {sizes[name]} of {needed}"
        for name, needed in wanted.items()
        if needed is not None and name in sizes and sizes[name] < needed
    ]


def sequential_words(scheme: Scheme, rate: float | None) -> str:
    """What the sequential rule does at a true rate of success, in a sentence; empty for a scheme without it."""
    if scheme.rule != "sequential":
        return ""
    artifacts = (scheme.sizes.sources or 1) * (scheme.sizes.artifacts_per_source or 1)
    told = (
        f"Sequential rule for each of {artifacts} artifacts of a test item: 10 presentations; 0 or 1 success passes, 3 "
        "fail, 2 ask for ten more, which must bring none."
    )
    if rate is None:
        return told
    chance = sequential_power(rate, artifacts=artifacts)
    return f"{told} At a true rate of success of {rate:.1%} all pass with probability {chance:.1%}."
