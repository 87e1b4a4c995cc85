"""Compare detectors, tables of scores, audits and runs: paired by sample wherever there are scores."""

from __future__ import annotations

import logging
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.core.guards.numbers import finite
from facewarden.core.run import provenance
from facewarden.core.seeding import checked_seed
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.evaluation.comparing.aligned import align_tables
from facewarden.evaluation.comparing.differences import ComparedSystems, compare_systems
from facewarden.evaluation.comparing.page import reports_page, systems_page
from facewarden.evaluation.score_file.rows import Higher, ScoredRows, own_threshold, read_scored_rows
from facewarden.metrics.pad import check_policy
from facewarden.reporting.changes import Changes, changes_between
from facewarden.reporting.codec import read_report
from facewarden.reporting.document import Report
from facewarden.reporting.pages.document import PageForm
from facewarden.reporting.pages.write import check_forms, write_page

_LOG = logging.getLogger("facewarden")
SCHEMA = "facewarden.comparison/1"
TABLES = (".csv", ".parquet")


@dataclass(frozen=True, repr=False)
class Compared(RowsResult):
    """Systems beside each other.

    Attributes:
        systems: thresholds and paired differences; None where only reports could be compared.
        reports: name -> what its audit says otherwise than the first one's.
        simulated: whether figures are of simulated captures.
        files: what was written.
    """

    systems: ComparedSystems | None
    reports: tuple[tuple[str, Changes], ...]
    simulated: bool
    files: tuple[Path, ...] = ()

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each paired difference, or for each metric of two reports."""
        if self.systems is not None:
            return rows_as_columns([asdict(one) for one in self.systems.differences])
        return rows_as_columns([
            {"second": name, "section": one.section, "metric": one.new.label, "old": one.old.value,
             "new": one.new.value, "difference": one.difference, "low": one.low, "high": one.high,
             "verdict": one.verdict}
            for name, changes in self.reports for one in changes.metrics
        ])  # fmt: skip


@locking
def compare(
    systems: Sequence[str | os.PathLike[str]],
    /,
    *,
    captures: str | os.PathLike[str] | None = None,
    column: Mapping[str, str] | None = None,
    higher: Higher = "bona_fide",
    policy: str = "eer",
    threshold: Sequence[float] = (),
    seed: int = 0,
    rounds: int = 1000,
    device: str = "auto",
    form: Sequence[PageForm] = ("html",),
    out: str | os.PathLike[str] | None = None,
) -> Compared:
    """Compare systems with the first one, and say which differences are shown.

    Args:
        systems: two or more: tables of scores (`.csv`, `.parquet`), folders that hold `scores.parquet` (audits,
            evaluations), reports of audits (`report.json`), or detectors, which need `captures`.
        captures: manifest, or NAME:PATH of a published set, that detectors score.
        column, higher: of the tables, as in `evaluate_scores`; not of folders and detectors, whose scores are its own.
        policy: how the threshold of each system is set on dev.
        threshold: given instead, one for each system, on the scores of its table.
        seed, rounds: of the subject bootstrap; so many rounds for each system but the first.
        device: where detectors compute.
        form: of the page: html, markdown, pdf, or several.
        out: folder for the page and comparison.json.

    Raises:
        BadInputError: fewer than two systems, a report beside tables without one, or rows that cannot be paired.
    """
    checked_seed(seed)
    for value in threshold:
        finite(value, what="threshold")
    check_policy(policy)
    folder = None if out is None else Path(os.fspath(out))
    check_forms(form, folder)
    if folder is not None:
        hold(folder)
    given = [os.fspath(one) for one in systems]
    if len(given) < 2:
        raise BadInputError("a comparison needs two systems at least", hint="facewarden compare A.csv B.csv")
    names = _names(given)
    held = [_report_of(Path(one)) for one in given]
    reports = tuple(
        (name, changes_between(held[0], report))
        for name, report in zip(names[1:], held[1:], strict=True)
        if held[0] is not None and report is not None
    )
    tables = _tables(given, held, captures=captures, column=column, higher=higher, device=device)
    found = None
    if tables is not None:
        aligned = align_tables(tables)
        asked = threshold
        if len(threshold) == len(given):
            asked = [value if _is_own(one) else own_threshold(value, higher=higher)
                     for one, value in zip(given, threshold, strict=True)]  # fmt: skip
        found = compare_systems(aligned, names, policy=policy, thresholds=asked, seed=seed, rounds=rounds)
    simulated = any(one.simulated for one in tables or ()) or any(
        one.new.simulated for _, changes in reports for one in changes.metrics
    )
    files: tuple[Path, ...] = ()
    if folder is not None:
        options = _options(captures, column, higher=higher, policy=policy, threshold=threshold, seed=seed)
        command = shlex.join(["facewarden", "compare", *(Path(one).name for one in given), *options, "--out", "DIR"])
        if found is not None:
            page = systems_page(found, command=command, simulated=simulated, provenance=provenance(), reports=reports)
        else:
            page = reports_page(reports, first=names[0], command=command, simulated=simulated)
        files = write_page(page, folder, name="comparison", forms=form)
        files += (_write(folder, found, reports, command=command, simulated=simulated),)
    return Compared(found, reports, simulated, files)


def _options(
    captures: str | os.PathLike[str] | None, column: Mapping[str, str] | None, *, higher: str, policy: str,
    threshold: Sequence[float], seed: int,
) -> list[str]:  # fmt: skip
    """The options without which the command would print other figures."""
    words = [] if captures is None else ["--captures", Path(os.fspath(captures)).name]
    words += ["--column", *(f"{name}={place}" for name, place in column.items())] if column else []
    words += ["--higher", higher] if higher != "bona_fide" else []
    words += ["--policy", policy] if policy != "eer" and not threshold else []
    words += ["--threshold", *(f"{one!r}" for one in threshold)] if threshold else []
    return words + (["--seed", str(seed)] if seed else [])


def _names(given: Sequence[str]) -> list[str]:
    """A short name of each system: its file's or folder's, with as much of the path as tells them apart."""
    for depth in range(1, 8):
        names = ["/".join([*Path(one).parts[-depth:-1], Path(one).stem]) for one in given]
        if len(set(names)) == len(names):
            return names
    return [f"{index + 1}: {Path(one).stem}" for index, one in enumerate(given)]


def _report_of(path: Path) -> Report | None:
    source = path / "report.json" if path.is_dir() else path
    return read_report(source)[0] if source.suffix == ".json" and source.is_file() else None


def _table_of(path: Path) -> Path | None:
    if path.is_dir() and (path / "scores.parquet").is_file():
        return path / "scores.parquet"
    return path if path.suffix.lower() in TABLES and path.is_file() else None


def _tables(
    given: Sequence[str], held: Sequence[Report | None], *, captures: str | os.PathLike[str] | None,
    column: Mapping[str, str] | None, higher: Higher, device: str,
) -> list[ScoredRows] | None:  # fmt: skip
    """The scores of every system; None where all have reports and one has no scores."""
    paths = [_table_of(Path(one)) for one in given]
    lacking = [index for index, path in enumerate(paths) if path is None]
    if lacking and all(report is not None for report in held):
        return None
    with ExitStack() as stack:
        for index in lacking:
            where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="facewarden-"))) / "scores.parquet"
            _score(given[index], where, captures=captures, device=device)
            paths[index] = where
        return [
            read_scored_rows(path) if _is_own(one) else read_scored_rows(path, columns=column, higher=higher)
            for one, path in zip(given, paths, strict=True)
            if path is not None
        ]


def _is_own(system: str) -> bool:
    """Whether facewarden itself has written the scores of a system: its columns and its scale are known."""
    return _table_of(Path(system)) != Path(system)


def _score(name: str, where: Path, *, captures: str | os.PathLike[str] | None, device: str) -> None:
    if captures is None:
        raise BadInputError(
            f"{name}: neither a table of scores, nor a folder with scores.parquet or report.json",
            hint="a detector is compared on captures: --captures MANIFEST",
        )
    from facewarden.core.resolve import resolve_detector  # imports torch, which tables do not need
    from facewarden.data.captures import open_captures
    from facewarden.evaluation.scores import absent_words, score_manifest

    manifest = open_captures(Path(os.fspath(captures))).where(split=("dev", "test"))
    model = resolve_detector(name, device=device)
    for told in absent_words(model, manifest):
        _LOG.warning("%s", told)
    score_manifest(model, manifest, label=f"scoring {name}").write(where)


def _write(
    folder: Path,
    found: ComparedSystems | None,
    reports: Sequence[tuple[str, Changes]],
    *,
    command: str,
    simulated: bool,
) -> Path:
    return write_json(
        folder / "comparison.json",
        {
            "schema": SCHEMA,
            "command": command,
            "simulated": simulated,
            "systems": None if found is None else asdict(found),
            "reports": [{"name": name, **asdict(changes)} for name, changes in reports],
            "provenance": provenance(),
        },
    )
