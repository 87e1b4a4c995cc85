"""Say how many subjects, species and presentations a claim needs, or what a finished test supports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder, Name
from facewarden.cli.parts.outcome import Outcome

Claimed = Annotated[str, "RATE=LIMIT"]
Counted = Annotated[str, "RATE:SPECIES=ERRORS/N"]


def plan_test(
    *,
    claim: tuple[Claimed, ...] = (),
    scheme: Name | None = None,
    species: int = 6,
    series: int = 3,
    errors: int = 0,
    rate: float | None = None,
    power: float = 0.8,
    per_subject: int = 10,
    correlation: float = 0.1,
    confidence: float = 0.95,
    finished: Path | None = None,
    counts: tuple[Counted, ...] = (),
    form: tuple[Literal["html", "markdown", "pdf"], ...] = ("html",),
    out: Folder | None = None,
) -> Outcome:
    """Say how many subjects, species, series and presentations a claim needs, or what a finished test supports.

    Args:
        claim: the highest rate that is claimed: apcer=0.07 bpcer=0.15; apcer and iapar of each PAI species.
        scheme: claims are the limits of a scheme, such as common_criteria_pad_level_1, ibeta_level_2, android_class_3.
        species: PAI species of the test.
        series: series of each species: made of one source each.
        errors: that the test may show and still support the claim.
        rate: assumed true rate; sizes then support the claim with the wanted power.
        power: probability that the test supports the claim.
        per_subject: presentations of each person.
        correlation: of the errors within a person, 0 to 1.
        confidence: of the one-sided bound.
        finished: a finished test: scores.json, report.json or the folder of one.
        counts: of a finished test: apcer:print=3/150 bpcer=4/250.
        form: html, markdown, pdf, or several.
        out: folder for the page and plan.json.
    """
    check_path(finished)
    from facewarden.evaluation.planning.page import NO_CLAIM, verdict_words
    from facewarden.evaluation.planning.plan import sequential_words
    from facewarden.verbs.laboratory.plan_test import plan_test as run

    result = run(
        claim=claim, scheme=scheme, species=species, series=series, errors=errors, rate=rate, power=power,
        per_subject=per_subject, correlation=correlation, confidence=confidence, finished=finished, counts=counts,
        form=form, out=out,
    )  # fmt: skip
    lines = [result.summary]
    for size in result.sizes:
        told = f"{size.claim.metric} <= {size.claim.limit:g}: {size.independent} independent presentations"
        told += f" with {size.errors} errors"
        if size.with_power is not None:
            told += f" (power {size.power:.0%}); {size.with_power} for a power of {power:.0%} at a rate of {rate:g}"
        lines.append(f"{told}; design effect {size.of_people.effect:.2f}")
    for one in result.supported:
        species_of = f" {one.rate.species}" if one.rate.species else ""
        lines.append(
            f"{one.rate.metric}{species_of} {one.rate.errors}/{one.rate.n}, bound {one.bound:.2%}, limit "
            f"{one.limit.metric} <= {one.limit.at_most:g}: {verdict_words(one)}"
        )
    lines += [f"{text}: not measured by the finished test" for text in result.unmeasured]
    lines += [f"smaller than the scheme asks for: {text}" for text in result.missing]
    if result.scheme is not None:
        lines.append(f"{result.scheme.title}, {result.scheme.edition}; {result.scheme.how_sure}")
        lines += [told for told in (sequential_words(result.scheme, rate),) if told]
    lines += [NO_CLAIM, *(f"wrote {path}" for path in result.files)]
    return Outcome(result, lines)


entry = plan_test
