"""Measure a table of scores that any program wrote; imports no torch."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.core.guards.numbers import finite
from facewarden.core.run import provenance
from facewarden.core.seeding import checked_seed
from facewarden.data.columns import read_columns, table_header
from facewarden.data.content import file_digest
from facewarden.data.own.group_table import read_groups
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.data.table import write_table
from facewarden.evaluation.score_file.carried import probability_error, rule_chapter
from facewarden.evaluation.score_file.groups import AttributeRates, rates_by_group, with_groups
from facewarden.evaluation.score_file.groups_page import groups_chapter, groups_json
from facewarden.evaluation.score_file.halves import parted
from facewarden.evaluation.score_file.measure import MeasuredScores, measure_scores
from facewarden.evaluation.score_file.page import score_metrics, scores_page
from facewarden.evaluation.score_file.rows import Higher, ScoredRows, own_threshold, read_scored_rows
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.metrics.pad import check_policy
from facewarden.reporting.document import Metric
from facewarden.reporting.named import as_metric
from facewarden.reporting.pages.document import PageForm
from facewarden.reporting.pages.write import check_forms, write_page

SCHEMA = "facewarden.scores/1"


@dataclass(frozen=True, repr=False)
class EvaluatedScores(RowsResult):
    """Figures of a table of scores.

    Attributes:
        metrics: each with interval and sample count; rates of the main threshold on test come first and have no group
            `split` or `threshold`.
        thresholds: policy, value and source of each threshold, the main one first.
        how: how rows of dev and test came about.
        simulated: whether the scores are of simulated captures.
        files: what was written.
        excluded: reason -> rows in no figure.
        warnings: what a reader must know before any figure.
        groups: rates by group and their differentials, for every attribute and species.
    """

    metrics: tuple[Metric, ...]
    thresholds: tuple[dict[str, Any], ...]
    how: str
    simulated: bool
    files: tuple[Path, ...] = ()
    excluded: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    groups: tuple[AttributeRates, ...] = ()

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each metric: value, bounds and count."""
        return rows_as_columns([asdict(metric) for metric in self.metrics])


@locking
def evaluate_scores(
    table: str | os.PathLike[str],
    /,
    *,
    column: Mapping[str, str] | None = None,
    higher: Higher = "bona_fide",
    policy: str = "eer",
    threshold: float | None = None,
    rule: str | os.PathLike[str] | None = None,
    groups: str | os.PathLike[str] | None = None,
    simulated: bool = False,
    seed: int = 0,
    rounds: int = 1000,
    form: Sequence[PageForm] = ("html",),
    out: str | os.PathLike[str] | None = None,
) -> EvaluatedScores:
    """Measure a table of scores: error rates, thresholds from dev with their rates on test, curves.

    Args:
        table: `.csv` or `.parquet` with `score` and `label` (1 = bona fide, 0 = attack; live, spoof and such words);
            `species`, `subject`, `split`, `key`, `note` and `attr_NAME` are used where they are.
        column: of these names -> the name in the table, where they differ.
        higher: which presentations score higher in the table.
        policy: how the main threshold is set on dev: eer, or bpcer_at_apcer=0.05.
        threshold: given, on the scores of the table; then none is set, and all rows without a split are tested.
        rule: calibration.json of `facewarden calibrate`, or a decision.json: its threshold is tested instead, and its
            probability where it has one.
        groups: table of groups of people: a manifest or any table with a column `key` or `subject` of the same names,
            and columns `attr_NAME`, or a set of photos that knows its people, `london:PATH`; columns `attr_NAME` of
            the table itself are used as well.
        simulated: the scores are of simulated captures, also where the table does not say so.
        seed, rounds: of the subject bootstrap.
        form: of the page: html, markdown, pdf (extra `pdf`), or several.
        out: folder for the page, scores.json, decision.json and, where halves were made, split.parquet.

    Raises:
        BadInputError: the table cannot be read, or a split lacks a class.
        LeakError: a subject is in dev and in test.
    """
    path, folder = Path(os.fspath(table)), None if out is None else Path(os.fspath(out))
    checked_seed(seed)
    if threshold is not None:
        finite(threshold, what="threshold")
    check_policy(policy)
    check_forms(form, folder)
    if folder is not None:
        hold(folder)
    carried = None if rule is None else _carried(Path(os.fspath(rule)), threshold=threshold, policy=policy)
    given = None if threshold is None else own_threshold(threshold, higher=higher)
    value = given if carried is None else carried.threshold
    rows = read_scored_rows(path, columns=column, higher=higher)
    beside = None if groups is None else Path(os.fspath(groups))
    if beside is not None:
        rows = _with_groups(rows, path, beside, column)
    shown = rows.simulated or simulated
    parts = parted(rows, given=value is not None)
    where = "given" if carried is None else carried.origin
    found = measure_scores(parts, policy=policy, threshold=value, where=where, seed=seed, rounds=rounds)
    metrics = score_metrics(found, simulated=shown)
    error = None if carried is None else probability_error(carried, parts.test, seed=seed, rounds=rounds)
    metrics += () if error is None else (as_metric(error, simulated=shown),)
    by_group = rates_by_group(parts.test, threshold=found.thresholds[0].value, seed=seed, rounds=rounds)
    files: tuple[Path, ...] = ()
    if folder is not None:
        options = _options(column, higher=higher, policy=policy, threshold=threshold, simulated=simulated, seed=seed)
        options += [] if beside is None else ["--groups", beside.name]
        options += [] if rule is None else ["--rule", Path(os.fspath(rule)).name]
        command = shlex.join(["facewarden", "evaluate", "scores", path.name, *options, "--form", *form, "--out", "DIR"])
        how = f"Who belongs to which group is as {'the table' if beside is None else beside.name} says."
        more = [] if carried is None else [rule_chapter(carried, parts.test, error, simulated=shown)]
        more += [groups_chapter(by_group, simulated=shown, how=how)] if by_group else []
        page = scores_page(
            found, title=f"Scores of {path.name}", command=command, simulated=shown, provenance=provenance(), more=more
        )
        files = write_page(page, folder, name="scores", forms=form)
        held = _data(path, found, metrics, command=command, simulated=shown) | {"groups": groups_json(by_group)}
        files += (write_json(folder / "scores.json", held),)
        files += _split(folder, rows, found)
        if (fitted := found.thresholds[0].rule) is not None:
            replace(fitted, simulated=shown).write(folder / "decision.json")
            files += (folder / "decision.json",)
    return EvaluatedScores(
        metrics, tuple(_threshold(one) for one in found.thresholds), parts.how, shown, files,
        {**parts.excluded, **found.reasons}, found.warnings, tuple(by_group),
    )  # fmt: skip


def _carried(path: Path, *, threshold: float | None, policy: str) -> VerdictRule:
    if threshold is not None or policy != "eer":
        raise BadInputError(
            "a rule has its threshold and policy in it", hint="--rule alone, or --policy or --threshold"
        )
    return VerdictRule.read(path)


def as_columns(given: Sequence[str]) -> dict[str, str]:
    """Read NAME=COLUMN as typed.

    Raises:
        BadInputError: it has no equals sign, or names a column twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, column = text.partition("=")
        if not (equals and name.strip() and column.strip()) or name.strip() in found:
            raise BadInputError(f"--column {text!r} is not NAME=COLUMN", hint="--column score=liveness label=is_live")
        found[name.strip()] = column.strip()
    return found


def threshold_lines(metrics: Sequence[Metric], thresholds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each threshold of dev with its rates on dev and on test, a line each."""
    mark = "  simulated" if any(metric.simulated for metric in metrics) else ""
    lines = []
    for index, one in enumerate(thresholds):
        group = {} if index == 0 else {"threshold": str(one["policy"])}
        rates = {
            f"{short} {split}": f"{metric.value:.1%}"
            for short, name in (("APCER", "apcer_worst_species"), ("BPCER", "bpcer"))
            for split in ("dev", "test")
            for metric in metrics
            if metric.name == name and metric.group == _at(group, split)
        }
        told = ", ".join(f"{name} {rate}" for name, rate in rates.items())
        lines.append(
            f"threshold {one['value']:.5g} ({', '.join(dict.fromkeys((one['policy'], one['from'])))}): {told}{mark}"
        )
    return lines


def _at(group: Mapping[str, str], split: str) -> dict[str, str]:
    return {**group, "split": split} if group or split == "dev" else {}


def _options(
    column: Mapping[str, str] | None, *, higher: str, policy: str, threshold: float | None, simulated: bool, seed: int
) -> list[str]:
    words = ["--column", *(f"{name}={place}" for name, place in column.items())] if column else []
    words += ["--higher", higher] if higher != "bona_fide" else []
    words += ["--policy", policy] if policy != "eer" and threshold is None else []
    words += ["--threshold", f"{threshold!r}"] if threshold is not None else []
    words += ["--simulated"] if simulated else []
    return words + (["--seed", str(seed)] if seed else [])


def _threshold(one: Any) -> dict[str, Any]:
    return {
        "policy": one.policy,
        "value": one.value,
        "from": one.where,
        **({} if one.rule is None else {"n_bona_fide": one.rule.n_bona_fide, "n_attack": one.rule.n_attack}),
    }


def _data(
    path: Path, found: MeasuredScores, metrics: Sequence[Metric], *, command: str, simulated: bool
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "table": path.name,
        "table_sha256": file_digest(path).hex(),
        "command": command,
        "simulated": simulated,
        "how": found.parts.how,
        "excluded": found.parts.excluded,
        "no_response": dict(found.reasons),
        "warnings": list(found.warnings),
        "thresholds": [_threshold(one) for one in found.thresholds],
        "metrics": [asdict(metric) for metric in metrics],
        "provenance": provenance(),
    }


def _with_groups(rows: ScoredRows, path: Path, beside: Path, column: Mapping[str, str] | None) -> ScoredRows:
    """Attributes of a table beside, by the key where both tables have one, else by the subject."""
    given, groups = dict(column or {}), read_groups(beside)
    if "key" in groups.keys and given.get("key", "key") in table_header(path):
        keys = read_columns(path, texts=[given.get("key", "key")]).texts[given.get("key", "key")]
        if len(keys.codes) == len(rows):  # no row was dropped
            return with_groups(rows, groups, key="key", column=keys)
    if rows.subject is None:
        raise BadInputError(
            f"{path}: groups are joined by key or subject, and it has no subject",
            hint="name it: --column subject=COLUMN",
        )
    return with_groups(rows, groups, key="subject", column=rows.subject)


def _split(folder: Path, rows: ScoredRows, found: MeasuredScores) -> tuple[Path, ...]:
    """Write halves that were made here: by subject where subjects are known, else by row."""
    made = found.parts.made
    if made is None:
        return ()
    target = folder / "split.parquet"
    if rows.subject is not None and (rows.subject.codes >= 0).all():
        half = {int(subject): made.names[int(code)] for subject, code in zip(*_first(rows, made.codes), strict=True)}
        write_table(target, {"subject": [rows.subject.names[one] for one in half], "split": list(half.values())})
        return (target,)
    # "dev" or "test" for two million rows as text would cost more than all that was measured
    write_table(target, {"row": list(range(1, len(rows) + 1)), "is_test": made.codes.astype(bool)})
    return (target,)


def _first(rows: ScoredRows, codes: Any) -> tuple[list[int], list[int]]:
    """The distinct subjects and the half of each."""
    import numpy as np

    assert rows.subject is not None
    subjects, first = np.unique(rows.subject.codes, return_index=True)
    return subjects.tolist(), codes[first].tolist()
