"""Plan a test for a claim, or say what a finished one supports; imports no torch."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.data.results import Result
from facewarden.evaluation.planning.finished import METRICS, rates_of_file, rates_typed
from facewarden.evaluation.planning.page import plan_page, summary
from facewarden.evaluation.planning.plan import (
    Claim,
    FinishedRate,
    PlannedSize,
    Support,
    planned,
    sizes_missing,
    supports,
)
from facewarden.evaluation.planning.scheme import Scheme, SchemeLimit, scheme_named
from facewarden.reporting.pages.document import PageForm
from facewarden.reporting.pages.write import check_forms, write_page

PER_SPECIES = ("apcer", "iapar")


@dataclass(frozen=True, repr=False)
class PlannedTest(Result):
    """A plan, or what a finished test supports.

    Attributes:
        summary: in a sentence.
        sizes: of every claim.
        supported: what the finished test says of every limit.
        missing: sizes of the scheme that the finished test does not reach.
        unmeasured: limits of which the finished test has no rate.
        scheme: with edition and source, if one was named.
        files: what was written.
    """

    summary: str
    sizes: tuple[PlannedSize, ...]
    supported: tuple[Support, ...]
    missing: tuple[str, ...]
    scheme: Scheme | None
    files: tuple[Path, ...] = ()
    unmeasured: tuple[str, ...] = ()


@locking
def plan_test(
    *,
    claim: Sequence[str] = (),
    scheme: str | None = None,
    species: int = 6,
    series: int = 3,
    errors: int = 0,
    rate: float | None = None,
    power: float = 0.8,
    per_subject: int = 10,
    correlation: float = 0.1,
    confidence: float = 0.95,
    finished: str | os.PathLike[str] | None = None,
    counts: Sequence[str] = (),
    form: Sequence[PageForm] = ("html",),
    out: str | os.PathLike[str] | None = None,
) -> PlannedTest:
    """Say how many subjects, species, series and presentations a claim needs, or what a finished test supports.

    Args:
        claim: such as apcer=0.07 or bpcer=0.15: the highest rate that is claimed; apcer and iapar of each species.
        scheme: claims are the limits of this scheme.
        species, series: PAI species, and series (one source each) of a species.
        errors: that the test may show and still support the claim.
        rate: assumed true rate; the number of presentations then supports the claim with the wanted power.
        power: probability of that.
        per_subject: presentations of each person.
        correlation: of the errors within a person.
        confidence: of the one-sided bound.
        finished: `scores.json`, `report.json` or the folder of one.
        counts: of a finished test: apcer:print=3/150 bpcer=4/250.
        form: of the page: html, markdown, pdf, or several.
        out: folder for the page and plan.json.

    Raises:
        BadInputError: neither a claim nor a scheme, or a number out of range.
        UnknownEntryError: no such scheme.
    """
    folder = None if out is None else Path(os.fspath(out))
    check_forms(form, folder)
    if folder is not None:
        hold(folder)
    _checked(species=species, series=series, errors=errors, confidence=confidence)
    _check_power(rate, power)
    known = None if scheme is None else scheme_named(scheme)
    limits = [_claimed(text) for text in claim] + list(known.limits if known is not None else ())
    if not limits:
        raise BadInputError(
            "nothing is claimed", hint="--claim apcer=0.07 bpcer=0.15, or --scheme common_criteria_pad_level_1"
        )
    above = [f"{limit.metric}={limit.at_most:g}" for limit in limits if rate is not None and rate >= limit.at_most > 0]
    if above and len(above) == sum(limit.at_most > 0 for limit in limits):
        raise BadInputError(
            f"--rate {rate:g} is not below {', '.join(above)}: no number of presentations supports such a claim",
            hint="--rate with the true rate that the system is assumed to have, below what is claimed",
        )
    done = rates_typed(counts) + ([] if finished is None else rates_of_file(Path(os.fspath(finished))))
    _refuse_twice(done)
    lacking = [limit for limit in limits if done and not supports(done, limit, confidence=confidence)]
    unmeasured = tuple(f"{limit.metric} <= {limit.at_most:g}" for limit in lacking)
    found = tuple(one for limit in limits for one in supports(done, limit, confidence=confidence))
    sizes = tuple(
        planned(
            Claim(limit.metric, limit.at_most, limit.per == "species"), errors=errors, per_subject=per_subject,
            correlation=correlation, rate=rate if rate is not None and rate < limit.at_most else None, power=power,
            confidence=confidence,
        )
        for limit in limits
        if limit.at_most > 0 and not done
    )  # fmt: skip
    missing = _missing(known, done) if known is not None and done else ()
    told = summary(sizes, found, unmeasured=unmeasured, species=species)
    files: tuple[Path, ...] = ()
    if folder is not None:
        words = ["facewarden", "plan-test", *(["--claim", *claim] if claim else [])]
        words += ["--scheme", scheme] if scheme else []
        words += ["--finished", Path(os.fspath(finished)).name] if finished is not None else []
        words += ["--counts", *counts] if counts else []
        page = plan_page(
            sizes, found, scheme=known, missing=missing, unmeasured=unmeasured, species=species, series=series,
            rate=rate, confidence=confidence, command=shlex.join([*words, "--out", "DIR"]),
        )  # fmt: skip
        files = write_page(page, folder, name="plan", forms=form)
        data = {"schema": "facewarden.plan/1", "summary": told, "sizes": [asdict(one) for one in sizes],
                "supported": [asdict(one) for one in found], "missing": list(missing),
                "unmeasured": list(unmeasured), "scheme": None if known is None else asdict(known)}  # fmt: skip
        files += (write_json(folder / "plan.json", data),)
    return PlannedTest(told, sizes, found, tuple(missing), known, files, unmeasured)


def _refuse_twice(done: Sequence[FinishedRate]) -> None:
    names = [f"{one.metric}:{one.species}" if one.species else one.metric for one in done]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInputError(f"{twice} is there twice", hint="one count of each rate: add errors and presentations up")


def _claimed(text: str) -> SchemeLimit:
    metric, equals, number = text.partition("=")
    try:
        limit = float(number)
    except ValueError:
        limit = -1.0
    if metric not in METRICS or not equals or not 0 < limit < 1:
        raise BadInputError(
            f"--claim {text!r} is no claim", hint=f"RATE=LIMIT with {', '.join(METRICS)}, such as apcer=0.07"
        )
    return SchemeLimit(metric, limit, "species" if metric in PER_SPECIES else "")  # type: ignore[arg-type]


def _checked(*, species: int, series: int, errors: int, confidence: float) -> None:
    if species < 1 or series < 1 or errors < 0 or not 0 < confidence < 1:
        raise BadInputError(
            f"{species} species, {series} series, {errors} errors, confidence {confidence}",
            hint="1 or more species and series, 0 or more errors, confidence such as 0.95",
        )


def _check_power(rate: float | None, power: float) -> None:
    if not 0 < power < 1 or (rate is not None and not 0 <= rate < 1):
        raise BadInputError(f"rate {rate}, power {power}", hint="--rate 0.02 from 0 to 1, --power 0.8 between 0 and 1")


def _missing(scheme: Scheme, done: Sequence[FinishedRate]) -> tuple[str, ...]:
    attacks = [one for one in done if one.metric in PER_SPECIES]
    sizes = {"species": len({one.species for one in attacks})}
    if attacks:
        sizes["presentations_per_species"] = min(one.n for one in attacks)
    live = [one.n for one in done if one.metric == "bpcer"]
    if live:
        sizes["bona_fide"] = live[0]
    return tuple(sizes_missing(scheme, sizes))
