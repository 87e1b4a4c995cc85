"""Write the report of a test laboratory from records of presentations; imports no torch."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold
from facewarden.core.run import provenance
from facewarden.data.results import Result, plain
from facewarden.evaluation.full_system.rule import MATCH_RULE, MatchRule
from facewarden.evaluation.lab.back import (
    clauses_chapter,
    evidence_chapter,
    rate,
    result_chapters,
    statistics_chapter,
)
from facewarden.evaluation.lab.evidence import PUBLIC, SIGNATURE, SUMS, check_key, collect_evidence, write_evidence
from facewarden.evaluation.lab.front import front_chapters
from facewarden.evaluation.lab.records import LabRecords, read_records
from facewarden.evaluation.lab.results import LabResults, lab_results
from facewarden.evaluation.lab.settings import LabSettings, lab_template, read_lab
from facewarden.evaluation.score_file.halves import Parted, parted
from facewarden.evaluation.score_file.measure import MeasuredScores, measure_scores
from facewarden.evaluation.score_file.page import curves_chapter, threshold_chapters
from facewarden.reporting.codec import read_report
from facewarden.reporting.format import plain as words
from facewarden.reporting.pages.document import Chapter, Page, PageForm, Status
from facewarden.reporting.pages.write import write_page

NAME, TEMPLATE = "lab", "lab_template.json"
OWN = (*(f"{NAME}{end}" for end in (".html", ".md", ".pdf", "_figures", "_results.json")), TEMPLATE, SUMS, SIGNATURE,
       PUBLIC)  # fmt: skip
_ROUNDS = 1000


@dataclass(frozen=True, repr=False)
class LabReport(Result):
    """A laboratory's report.

    Attributes:
        page: the HTML page.
        files: all that was written.
        results: by species, and of bona fide presentations.
        root: SHA-256 over the list of all evidence.
        not_measured: clauses for which nothing was measured or stated.
    """

    page: Path
    files: tuple[Path, ...]
    results: LabResults
    root: str
    not_measured: tuple[str, ...]


def write_lab_report(
    run: Path, *, out: Path | None = None, lab: Path | None = None, sign: Path | None = None, pdf: bool = False,
    seed: int = 0,
) -> LabReport:  # fmt: skip
    """Write the report of a test laboratory.

    Args:
        run: a table of records, or a folder with `scores.parquet`: an audit, or `evaluate presentation --out`.
        out: folder to write to; the run's own by default.
        lab: what the laboratory states, lab.json; without it a template is written.
        sign: PEM file with an Ed25519 private key, for the list of evidence.
        pdf: write a PDF as well (extra `pdf`).
        seed: of the bootstrap.

    Raises:
        BadInputError: no records, a threshold that nobody gave or that cannot be set, or a key that cannot sign.
    """
    table = run / "scores.parquet" if run.is_dir() else run
    if not table.is_file():
        raise BadInputError(
            f"{run}: no records of presentations here",
            hint="a table with score and label, or a folder with scores.parquet (audit, evaluate presentation --out)",
        )
    if sign is not None:
        check_key(sign)
    folder = out or table.parent
    hold(folder)
    stated, match_from = _matching(read_lab(lab), table.parent / MATCH_RULE)
    records = read_records(table, match_threshold=stated.match_threshold)
    stated, found, tested = _at_threshold(stated, records, table, seed=seed)
    all_compared = (table.parent / MATCH_RULE).is_file()  # an audit compares what its detector rejects as well
    results = lab_results(tested, threshold=found.thresholds[0].value, all_compared=all_compared)
    _check_species(stated, [one.name for one in results.species], lab)
    simulated = records.rows.simulated
    evidence = collect_evidence(table.parent, also=[one for one in (lab,) if one is not None], leave_out=OWN)
    chapters = front_chapters(stated, tested, results, hashes=_hashes(run), simulated=simulated)
    if found.warnings:
        chapters.append(Chapter("remarks", "Remarks on the records", text=found.warnings))
    chapters += result_chapters(tested, results, match_from=match_from, all_compared=all_compared, simulated=simulated)
    chapters += _measured(found, simulated=simulated)
    chapters.append(statistics_chapter(stated, tested, rounds=_ROUNDS, seed=seed))
    chapters.append(evidence_chapter(evidence, signed=sign is not None))
    page = _page(stated, results, [clauses_chapter(chapters), *chapters], run=run, lab=lab, simulated=simulated)
    forms: tuple[PageForm, ...] = ("html", "markdown", "pdf") if pdf else ("html", "markdown")
    files = write_page(page, folder, name=NAME, forms=forms)
    data = {
        "schema": "facewarden.lab/1",
        "results": plain(results),
        "evidence_root": evidence.root,
        "stated": plain(asdict(stated)),
        "simulated": simulated,
        "clauses": _clauses(chapters),
        "excluded": [{"of": kind, "reason": why, "n": n} for (kind, why), n in records.excluded.items()],
    }
    files += (write_json(folder / f"{NAME}_results.json", data),)
    files += write_evidence(evidence, folder, key=sign)
    if lab is None:
        files += (write_json(folder / TEMPLATE, lab_template([one.name for one in results.species])),)
    empty = tuple(name for name, status in _clauses(chapters).items() if status.startswith("not "))
    return LabReport(files[0], files, results, evidence.root, empty)


def _check_species(stated: LabSettings, found: Sequence[str], lab: Path | None) -> None:
    """Refuse what is stated of a species that nobody presented: most often its name is spelled otherwise."""
    unknown = sorted(set(stated.species or {}) - set(found))
    if unknown:
        raise BadInputError(
            f"{lab}: species.{unknown[0]}: no record is of this species", hint=f"one of {', '.join(found)}"
        )


def _matching(stated: LabSettings, beside: Path) -> tuple[LabSettings, str]:
    """What is stated with the threshold of the recognizer, which an audit writes beside its scores, and its origin."""
    if stated.match_threshold is not None:
        return (
            stated,
            f"a match is a comparison score of {stated.match_threshold:.4g} or more, as the laboratory states",
        )
    if not beside.is_file():
        return stated, ""
    rule = MatchRule.read(beside)
    return replace(stated, match_threshold=rule.threshold), rule.words


def _at_threshold(
    stated: LabSettings, records: LabRecords, table: Path, *, seed: int
) -> tuple[LabSettings, MeasuredScores, LabRecords]:
    """The threshold, where it comes from, and the records that it is tested on."""
    rule = table.parent / "decision.json"
    value, told = stated.threshold, stated.threshold_from
    if value is None and rule.is_file():
        held = DecisionRule.read(rule)
        mark = ", simulated" if held.simulated else ""
        value, told = held.threshold, f"decision.json: {held.policy}, set on {held.split}{mark}"
    if value is None and records.rows.split is None:
        raise BadInputError(
            f"{table}: no threshold, and no column split to set one on rows that are not reported",
            hint='"threshold" in lab.json, or a decision.json beside the records',
        )
    parts = _parted(records, given=value is not None)
    found = measure_scores(parts, threshold=value, seed=seed, rounds=_ROUNDS)
    if value is None:
        told = f"set on dev for EER; {parts.how}"
    return replace(stated, threshold_from=told), found, _tested(records)


def _parted(records: LabRecords, *, given: bool) -> Parted:
    try:
        return parted(records.rows, given=given)
    except BadInputError as error:  # what is excluded may be the cause, and a threshold is no option of this verb
        n = sum(records.excluded.values())
        if not n:
            where = "" if given else ' on dev and on test; a known threshold is "threshold" in lab.json'
            raise BadInputError(error.message, hint=f"both classes with scores are needed{where}") from error
        reasons = ", ".join(repr(reason) for reason in sorted({why for _, why in records.excluded})[:3])
        raise BadInputError(
            f"{error.message}: {n} of {n + len(records.rows)} rows are excluded by the column excluded ({reasons})",
            hint="leave the column excluded empty, or no, where a presentation counts",
        ) from error


def _tested(records: LabRecords) -> LabRecords:
    """The records of the test split, or all where there are no splits to part them by."""
    split = records.rows.split
    if split is None or "test" not in split.names:
        return records
    kept = split.codes == split.names.index("test")
    return LabRecords(
        records.rows.take(kept),
        {name: one.take(kept) for name, one in records.texts.items()},
        None if records.matched is None else records.matched[kept],
        records.excluded,
    )


def _measured(found: MeasuredScores, *, simulated: bool) -> list[Chapter]:
    status: Status = "simulated" if simulated else "measured"
    chapters = (*threshold_chapters(found, simulated=simulated), curves_chapter(found))
    return [replace(one, status=status) for one in chapters]


def _hashes(run: Path) -> dict[str, str]:
    """Hashes of the audited detector, where the run is an audit."""
    if not run.is_dir() or not (run / "report.json").is_file():
        return {}
    report, _ = read_report(run)
    return {
        f"{part.name}, {name}": digest
        for part in report.parts
        if part.role in ("detector", "recognizer")
        for name, digest in part.sha256.items()
    }


def _page(
    stated: LabSettings, results: LabResults, chapters: list[Chapter], *, run: Path, lab: Path | None, simulated: bool
) -> Page:
    rated = [one for one in results.species if one.apcer is not None]
    worst = max(rated, key=lambda one: one.apcer.value if one.apcer else 0.0)
    command = ["facewarden", "report", run.name, "--form", "lab", *(["--lab", lab.name] if lab is not None else [])]
    return Page(
        kicker="Presentation attack detection: test report",
        title=f"{stated.item.name}" if stated.item.name != "not stated" else f"Test of {run.name}",
        summary=(
            f"PAI species presented: {len(results.species)}. The one that passed most often is "
            f"{words(worst.name)}: APCER {rate(worst.apcer)}. BPCER {rate(results.bpcer)}."
        ),
        facts=(
            f"laboratory: {stated.laboratory}",
            f"report: {stated.report_number}",
            f"{sum(one.presentations for one in results.species)} attack presentations",
            f"{results.bona_fide} bona fide presentations",
        ),
        chapters=tuple(chapters),
        command=shlex.join(command),
        provenance=provenance(),
        simulated=simulated,
    )


def _clauses(chapters: list[Chapter]) -> dict[str, Any]:
    return {chapter.title: chapter.status or "–" for chapter in chapters}
