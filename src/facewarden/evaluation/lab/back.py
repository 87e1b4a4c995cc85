"""Chapters of a laboratory's report with results, exclusions, statistics and evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.data.text import natural
from facewarden.evaluation.lab.evidence import Evidence
from facewarden.evaluation.lab.records import LabRecords
from facewarden.evaluation.lab.results import LabResults
from facewarden.evaluation.lab.settings import LabSettings
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Cell, Table
from facewarden.reporting.format import interval, number, plain
from facewarden.reporting.pages.document import Chapter, Status


def result_chapters(
    records: LabRecords, results: LabResults, *, match_from: str = "", all_compared: bool = False, simulated: bool
) -> list[Chapter]:
    """Attacks by species and series, the full system, bona fide presentations, responses and exclusions.

    Args:
        records, results: of the test.
        match_from: from which comparison score on a presentation matches, and where that comes from.
        all_compared: as in `lab_results`.
        simulated: whether presentations were simulated.
    """
    status: Status = "simulated" if simulated else "measured"
    return [
        _attacks(results, simulated=simulated, status=status),
        _full_system(
            records, results, match_from=match_from, all_compared=all_compared, simulated=simulated, status=status
        ),
        _bona_fide(results, simulated=simulated, status=status),
        _responses(results, simulated=simulated, status=status),
        _excluded(records),
    ]


def _attacks(results: LabResults, *, simulated: bool, status: Status) -> Chapter:
    ordered = sorted(results.species, key=lambda one: -(one.apcer.value if one.apcer else 0.0))
    rows = tuple(
        (
            plain(one.name), one.presentations, one.series, one.artifacts, rate(one.apcer),
            "–" if one.bound is None else number(one.bound, unit="%"),
        )
        for one in ordered
    )  # fmt: skip
    columns = ("PAI species", "Presentations", "Series", "Artifacts", "APCER (95 %)", "One-sided bound")
    note = (
        "One-sided 95 % bound after Clopper and Pearson, as of independent presentations; the interval is by subject."
    )
    tables = [Table("APCER by species", columns, rows, note, simulated)]
    series = tuple(
        (plain(one.name), name, f"{passed} of {n}") for one in ordered for name, (passed, n) in _counted(one.by_series)
    )
    if series:
        tables.append(Table("Accepted attacks by series", ("PAI species", "Series", "Accepted"), series, "", simulated))
    attempts = tuple(
        (plain(one.name), name, f"{passed} of {n}") for one in ordered for name, (passed, n) in _counted(one.by_attempt)
    )
    if attempts:
        columns_of = ("PAI species", "Attempt", "Accepted")
        tables.append(Table("Effect of the attempt number", columns_of, attempts, "", simulated))
    caught = tuple((plain(one.name), name, count) for one in ordered for name, count in sorted(one.mechanisms.items()))
    if caught:
        columns_of = ("PAI species", "Mechanism", "Attacks stopped")
        tables.append(Table("Which mechanism stopped the attack", columns_of, caught, "", simulated))
    text = (
        "The APCER is reported for each PAI species by itself and never averaged over species; the worst one counts.",
    )
    return Chapter("attacks", "Results: attacks", text, tuple(tables), status=status)


def _counted(found: Mapping[str, tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    """Names with their counts, attempt 2 before attempt 10."""
    return sorted(found.items(), key=lambda one: natural(one[0]))


def _full_system(
    records: LabRecords, results: LabResults, *, match_from: str, all_compared: bool, simulated: bool, status: Status
) -> Chapter:
    text: tuple[str, ...]
    if records.matched is None:
        text = (
            "No recognizer took part, so no IAPAR was measured. An attack counts there when it passes the detector and "
            "matches its target, so the APCER bounds the IAPAR from above.",
        )
        return Chapter("full-system", "Results: full system", text, status="not measured")
    rows = tuple(
        (plain(one.name), rate(one.apcer), _system_rate(one.iapar, bound=one.iapar_is_bound)) for one in results.species
    )
    how = (f"Threshold of the comparison: {match_from}.",) if match_from else ()
    rejected = _system_rate(results.bpcer_matched, bound=results.bpcer_matched_is_bound)
    whole = f"Bona fide presentations that the whole system rejects (detector or match): {rejected}."
    text = ("Detector and recognizer as one system: IAPAR counts attacks that pass both.", *how, whole)
    if results.uncompared and all_compared:
        text += (
            "The recognizer compared presentations whatever the detector said of them. "
            f"{results.uncompared} have no comparison, such as those that enroll: they are in no rate here.",
        )
    elif results.uncompared:
        text += (
            f"{results.uncompared} presentations pass the detector and have no comparison. A rate with such "
            'presentations says "at most": attacks among them count as matches, bona fide ones as rejected. Where no '
            "presentation that passes has a comparison, the rate is not measured.",
        )
    table = Table("IAPAR by species", ("PAI species", "APCER", "IAPAR"), rows, "", simulated)
    return Chapter("full-system", "Results: full system", text, (table,), status=status)


def _system_rate(found: Interval | None, *, bound: bool) -> str:
    return "not measured" if found is None else f"at most {rate(found)}" if bound else rate(found)


def _bona_fide(results: LabResults, *, simulated: bool, status: Status) -> Chapter:
    rows = (("bona fide", results.bona_fide, results.bona_fide_subjects, rate(results.bpcer)),)
    table = Table("BPCER", ("Of", "Presentations", "Subjects", "BPCER (95 %)"), rows, "", simulated)
    return Chapter("bona-fide", "Results: bona fide presentations", tables=(table,), status=status)


def _responses(results: LabResults, *, simulated: bool, status: Status) -> Chapter:
    rows: list[tuple[Cell, ...]] = [(plain(one.name), "APNRR", rate(one.apnrr)) for one in results.species]
    rows.append(("bona fide", "BPNRR", rate(results.bpnrr)))
    text = ("Presentations without a response are in no APCER or BPCER.",)
    table = Table("", ("Of", "Rate", "Measured (95 %)"), tuple(rows), "", simulated)
    return Chapter("responses", "Results: non-responses", text, (table,), status=status)


def _excluded(records: LabRecords) -> Chapter:
    rows = tuple((plain(kind), reason, count) for (kind, reason), count in sorted(records.excluded.items()))
    text: tuple[str, ...] = () if rows else ("No presentation was excluded.",)
    return Chapter(
        "excluded", "Excluded samples", text, (Table("", ("Of", "Reason", "Presentations"), rows),), status="stated"
    )


def statistics_chapter(lab: LabSettings, records: LabRecords, *, rounds: int, seed: int) -> Chapter:
    """The method of intervals with its reason.

    Args:
        lab: may add a reason.
        records: say whether subjects are known.
        rounds, seed: of the bootstrap.
    """
    known = records.rows.subject is not None
    people = (
        "Presentations of one person are alike, so the sample size is divided by the design effect between subjects "
        "(Korn and Graubard, 1998) before the bounds are taken."
        if known
        else "The records do not name subjects, so presentations are taken as independent; where people have several, "
        "the "
        "intervals are too narrow."
    )
    text = (
        "Shares have two-sided 95 % bounds after Clopper and Pearson: they are exact, never too narrow for independent "
        "presentations, and hold at 0 and at n errors, where approximations fail.",
        people,
        "Beside the APCER stands a one-sided 95 % bound, which a claim of at most so much is judged by: with no error "
        "of n "
        "it is 1 − 0.05^(1/n), about 3 / n.",
        f"EER, AUC and DET rest on all thresholds; their intervals are a bootstrap of subjects ({rounds} resamples, "
        "seed "
        f"{seed}).",
        lab.interval_reason,
    )
    return Chapter("statistics", "Statistics", tuple(part for part in text if part), status="stated")


def evidence_chapter(evidence: Evidence, *, signed: bool) -> Chapter:
    """The list of files with their hashes, and how to check it.

    Args:
        evidence: the files.
        signed: whether the list is signed.
    """
    shown = list(evidence.files.items())
    rows = tuple((name, digest, evidence.sizes[name]) for name, digest in shown[:200])
    more = f"{len(shown) - 200} more files are in SHA256SUMS." if len(shown) > 200 else ""
    text = [
        f"{len(shown)} files. SHA-256 over the list of all of them (SHA256SUMS): {evidence.root}.",
        "The list is signed with Ed25519; evidence.pub is the public key." if signed else "The list is not signed.",
    ]
    commands = [("To check the files, in their folder:", "sha256sum -c SHA256SUMS")]
    if signed:
        verify = "openssl pkeyutl -verify -pubin -inkey evidence.pub -rawin -in SHA256SUMS -sigfile evidence.sig"
        commands.append(("To check the signature:", verify))
    table = Table("Files", ("File", "SHA-256", "Bytes"), rows, more)
    return Chapter("evidence", "Evidence", tuple(text), (table,), commands=tuple(commands), status="stated")


def clauses_chapter(chapters: Sequence[Chapter]) -> Chapter:
    """What each clause rests on: measured, simulated, stated or not measured."""
    rows = tuple((chapter.title, chapter.status or "–") for chapter in chapters)
    text = ("What was not measured or not stated is named, not left out. No clause claims conformity.",)
    return Chapter("clauses", "What each clause rests on", text, (Table("", ("Clause", "Rests on"), rows),))


def rate(found: Interval | None) -> str:
    """A rate with its interval and count; a dash where there is none."""
    if found is None:
        return "–"
    ends = interval(found.low, found.high, unit="%", like=found.value)
    return f"{number(found.value, unit='%')} ({ends}), n\u00a0=\u00a0{found.n}"
