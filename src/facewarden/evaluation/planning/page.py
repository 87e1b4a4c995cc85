"""The page of a plan of a test, or of what a finished one supports."""

from __future__ import annotations

from collections.abc import Sequence

from facewarden.evaluation.planning.plan import PlannedSize, Support, sequential_words
from facewarden.evaluation.planning.scheme import Scheme
from facewarden.reporting.document import Table
from facewarden.reporting.format import number, plain
from facewarden.reporting.pages.document import Chapter, Page

NO_CLAIM = (
    "This makes no claim of conformity. Limits are facts about schemes with the source and edition that stand beside "
    "them; whoever certifies decides by the scheme's own text."
)


def plan_page(
    sizes: Sequence[PlannedSize], supported: Sequence[Support], *, scheme: Scheme | None, missing: Sequence[str],
    unmeasured: Sequence[str], species: int, series: int, rate: float | None, confidence: float, command: str,
) -> Page:  # fmt: skip
    """The page of a plan.

    Args:
        sizes: of each claim.
        supported: what a finished test says of the limits.
        scheme: whose limits these are, if any.
        missing: sizes of the scheme that the finished test does not reach.
        unmeasured: limits of which the finished test has no rate.
        species, series: PAI species, and series (sources) of each.
        rate: assumed true rate.
        confidence: of one-sided bounds.
        command: that makes the page again.
    """
    chapters = []
    if sizes:
        chapters.append(_sizes(sizes, species=species, series=series, confidence=confidence))
    if supported or unmeasured:
        chapters.append(_supported(supported, missing, unmeasured))
    if scheme is not None:
        chapters.append(_scheme(scheme, rate))
    chapters.append(Chapter("method", "Method", (*_method(confidence), NO_CLAIM)))
    return Page(
        kicker="Test plan" if not (supported or unmeasured) else "What a test supports",
        title=scheme.title if scheme is not None else "Test plan",
        summary=summary(sizes, supported, unmeasured=unmeasured, species=species),
        facts=(f"one-sided confidence {confidence:.0%}", f"{species} PAI species", f"{series} series of each"),
        chapters=tuple(chapters),
        command=command,
    )


def summary(
    sizes: Sequence[PlannedSize], supported: Sequence[Support], *, unmeasured: Sequence[str] = (), species: int
) -> str:
    """The answer in a sentence."""
    if supported or unmeasured:
        by = {verdict: [one for one in supported if one.verdict == verdict] for verdict in _VERDICTS}
        told = [f"{len(found)} {verdict}" for verdict, found in by.items() if found]
        told += [f"{len(unmeasured)} not measured"] if unmeasured else []
        words = f"Of {len(supported) + len(unmeasured)} limits: {', '.join(told)}."
        return f"{words} {SIMULATED}" if any(one.rate.simulated for one in supported) else words
    told = []
    for one in sizes:
        each = " of each species" if one.claim.per_species else ""
        many = f" ({one.of_people.presentations * species} in all)" if one.claim.per_species and species > 1 else ""
        told.append(
            f"{one.claim.metric.upper()} ≤ {number(one.claim.limit, unit='%')} needs {one.of_people.presentations} "
            f"presentations{each}{many} from {one.of_people.subjects} subjects"
        )
    return "; ".join(told) + "." if told else "No limit can be planned for: a limit of zero is met or not."


SIMULATED = "The rates were measured on simulated captures: they say nothing of real ones."
_VERDICTS = ("supported", "not shown", "exceeded", "zero asked")


def _sizes(sizes: Sequence[PlannedSize], *, species: int, series: int, confidence: float) -> Chapter:
    rows = []
    for one in sizes:
        people, each = one.of_people, one.claim.per_species
        rows.append(
            (
                f"{one.claim.metric.upper()} ≤ {number(one.claim.limit, unit='%')}",
                "each PAI species" if each else "all", one.errors, one.independent,
                people.presentations, people.subjects, -(-people.presentations // series) if each else None,
                people.presentations * (species if each else 1),
                None if one.with_power is None else one.with_power,
                "–" if one.power is None else f"{one.power:.0%}",
            )
        )  # fmt: skip
    columns = (
        "Claim", "For", "Errors allowed", "Independent presentations", "With repeated people", "Subjects",
        "In each series", "In all", "For the wanted power", "Power of the smallest test",
    )  # fmt: skip
    note = (
        "Independent presentations: the smallest number whose one-sided Clopper-Pearson bound is within the limit "
        f"with so many errors, at {confidence:.0%}. With repeated people: enlarged by the design effect "
        "1 + (m - 1) rho, from the number for the wanted power where a true rate was assumed."
    )
    return Chapter("sizes", "Sizes", tables=(Table("How many presentations and people", columns, tuple(rows), note),))


def _supported(found: Sequence[Support], missing: Sequence[str], unmeasured: Sequence[str]) -> Chapter:
    rows = tuple(
        (
            one.rate.metric.upper() + (f", {plain(one.rate.species)}" if one.rate.species else ""),
            f"{one.rate.errors} of {one.rate.n}", number(one.rate.errors / one.rate.n, unit="%"),
            number(one.bound, unit="%"), "–" if one.rate.high is None else number(one.rate.high, unit="%"),
            f"{one.limit.metric.upper()} ≤ {number(one.limit.at_most, unit='%')}", verdict_words(one),
        )
        for one in found
    )  # fmt: skip
    columns = ("Rate", "Errors", "Value", "One-sided bound", "Upper end by subject", "Limit", "Verdict")
    text = ["Smaller than the scheme asks for: " + "; ".join(missing) + "."] if missing else []
    text += ["Not measured, so nothing supports it: " + "; ".join(unmeasured) + "."] if unmeasured else []
    if any(one.rate.metric == "apcer" and one.limit.metric == "iapar" for one in found):
        text.append(
            "Where an APCER stands at a limit of IAPAR, no IAPAR was measured. An attack that counts there passes the "
            "detector and matches the target, so the APCER bounds it from above."
        )
    note = (
        "Supported: the bound of independent presentations, and the upper end of the interval by subject where it is "
        "known, are within the limit."
    )
    table = Table("", columns, rows, note, any(one.rate.simulated for one in found))
    return Chapter("support", "What the test supports", tuple(text), (table,))


def verdict_words(one: Support) -> str:
    """The verdict with what would change it."""
    if one.verdict == "zero asked":
        return f"no error in {one.rate.n}; the true rate may be up to {number(one.bound, unit='%')}"
    if one.verdict == "not shown" and one.needed is not None:
        return f"within as a number, its bound is not: needs {one.needed} presentations with as many errors"
    if one.verdict == "not shown":
        return "within as a number, its bound is not"
    return one.verdict


def _scheme(scheme: Scheme, rate: float | None) -> Chapter:
    limits = tuple(
        (one.metric.upper(), number(one.at_most, unit="%") if one.at_most >= 1e-3 else f"1:{round(1 / one.at_most):,}"
         if one.at_most else "0", "each PAI species" if one.per else "all", one.note)
        for one in scheme.limits
    )  # fmt: skip
    sizes = scheme.sizes
    told = {
        "PAI species": sizes.species, "sources of a species": sizes.sources,
        "artifacts of a source": sizes.artifacts_per_source,
        "presentations of an artifact": sizes.presentations_per_artifact,
        "presentations of a species": sizes.of_a_species, "bona fide presentations": sizes.bona_fide,
        "subjects": sizes.subjects, "comparisons of two people": sizes.impostor_comparisons,
    }  # fmt: skip
    rows = tuple((name, value) for name, value in told.items() if value is not None)
    text = [f"Edition: {scheme.edition}. Source: {scheme.source} ({scheme.how_sure}).", scheme.note,
            sequential_words(scheme, rate)]  # fmt: skip
    tables = (
        Table("Limits", ("Rate", "At most", "For", "Note"), limits),
        Table("Sizes", ("What", "Number"), rows),
    )
    return Chapter("scheme", "The scheme", tuple(part for part in text if part), tables)


def _method(confidence: float) -> tuple[str, ...]:
    return (
        f"An error rate is claimed to be at most a limit where its one-sided {confidence:.0%} bound after Clopper and "
        "Pearson is. The bound is exact for independent presentations. Without an error it is the rule of three: "
        "about 3 / n.",
        "Presentations of one person, and of one artifact, are alike. Their number is enlarged by the design effect; "
        "the measured interval by subject says afterwards whether that was enough.",
        "The APCER is claimed for every PAI species by itself. Averaging over species hides the one that passes.",
    )
