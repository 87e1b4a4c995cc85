"""Measure comparison scores of a recognizer by groups of people; imports no torch."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.core.guards.numbers import finite
from facewarden.core.run import provenance
from facewarden.core.seeding import checked_seed
from facewarden.data.results import Result, plain
from facewarden.evaluation.score_file.comparisons import Comparisons, read_comparisons, remarks_of
from facewarden.evaluation.score_file.groups_page import measures_table, rate_words
from facewarden.metrics.checked import threshold_for_accepts
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.metrics.laboratory.differentials import Differentials
from facewarden.metrics.laboratory.pair_differentials import pair_differentials
from facewarden.reporting.document import Table
from facewarden.reporting.format import plain as words
from facewarden.reporting.pages.document import Chapter, Page, PageForm
from facewarden.reporting.pages.write import check_forms, write_page


@dataclass(frozen=True, repr=False)
class EvaluatedComparisons(Result):
    """Error rates of comparisons at one threshold for everybody.

    Attributes:
        threshold: match iff score >= threshold.
        source: where it comes from.
        fmr, fnmr: of the tested pairs, with intervals.
        groups: attribute -> rates by group (FMR first, FNMR second) and how far they lie apart.
        no_score: tested pairs without a score; they are in no rate.
        files: what was written.
        warnings: what a reader must know before any figure.
        simulated: whether any photo was rendered.
    """

    threshold: float
    source: str
    fmr: Interval
    fnmr: Interval
    groups: dict[str, Differentials]
    no_score: int
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    simulated: bool = False


@locking
def evaluate_comparisons(
    table: str | os.PathLike[str],
    /,
    *,
    groups: str | os.PathLike[str] | None = None,
    column: Mapping[str, str] | None = None,
    threshold: float | None = None,
    fmr: float = 0.001,
    simulated: bool = False,
    seed: int = 0,
    rounds: int = 1000,
    form: Sequence[PageForm] = ("html",),
    out: str | os.PathLike[str] | None = None,
) -> EvaluatedComparisons:
    """Measure comparison scores: FMR and FNMR, and how far they lie apart between groups of people.

    Args:
        table: `score` (higher = more alike), `same` (1 or 0), `subject_a`, `subject_b`, and perhaps `split` and
            `simulated`.
        groups: table with `subject` and `attr_NAME`, such as sex, age band, ethnicity; or `london:PATH`.
        column: of these names -> the name in the table, where they differ.
        threshold: of the system; else set on split dev.
        fmr: highest FMR on dev for which the threshold is set.
        simulated: the photos are rendered, also where neither table says so.
        seed, rounds: of permutations and of the bootstrap.
        form: of the page: html, markdown, pdf, or several.
        out: folder for the page and comparisons.json.

    Raises:
        BadInputError: the table cannot be read, or there is no threshold and no split to set one on.
    """
    path, folder = Path(os.fspath(table)), None if out is None else Path(os.fspath(out))
    checked_seed(seed)
    finite(fmr if threshold is None else threshold, what="fmr" if threshold is None else "threshold")
    check_forms(form, folder)
    if folder is not None:
        hold(folder)
    beside = None if groups is None else Path(os.fspath(groups))
    pairs = read_comparisons(path, groups=beside, columns=dict(column or {}))
    value, source = _threshold(path, pairs, threshold, fmr)
    known = np.isfinite(pairs.score)
    tested = pairs.test & known
    wrong = (pairs.score >= value) != pairs.same
    found = {
        name: pair_differentials(
            wrong[tested], pairs.same[tested], first=pairs.first[tested], second=pairs.second[tested],
            group=codes, names=names, seed=seed, rounds=rounds,
        )
        for name, (codes, names) in sorted(pairs.groups.items())
    }  # fmt: skip
    rates = [_rate(path, pairs, wrong, tested & chosen) for chosen in (~pairs.same, pairs.same)]
    told = tuple(remarks_of(pairs, given=threshold is not None, fmr=fmr))
    held = EvaluatedComparisons(
        value, source, rates[0], rates[1], found, int((pairs.test & ~known).sum()), warnings=told,
        simulated=simulated or pairs.simulated,
    )  # fmt: skip
    if folder is None:
        return held
    given = ["--column", *(f"{name}={place}" for name, place in column.items())] if column else []
    given += ["--threshold", f"{threshold!r}"] if threshold is not None else ["--fmr", f"{fmr:g}"]
    given += ["--groups", beside.name] if beside is not None else []
    given += ["--simulated"] if simulated else []
    given += ["--seed", str(seed)] if seed else []
    command = shlex.join(["facewarden", "evaluate", "comparisons", path.name, *given, "--out", "DIR"])
    files = write_page(
        _page(held, path, command=command, simulated=held.simulated), folder, name="comparisons", forms=form
    )
    data: dict[str, Any] = {"schema": "facewarden.comparisons/1", "command": command, "simulated": held.simulated}
    data |= {
        name: plain(getattr(held, name)) for name in ("threshold", "source", "fmr", "fnmr", "no_score", "warnings")
    }
    data["groups"] = {name: plain(asdict(one)) for name, one in found.items()}
    files += (write_json(folder / "comparisons.json", data),)
    return replace(held, files=files)


def _threshold(path: Path, pairs: Comparisons, threshold: float | None, fmr: float) -> tuple[float, str]:
    if threshold is not None:
        return threshold, "given"
    if pairs.dev is None:
        raise BadInputError(
            f"{path}: no threshold and no column split", hint="--threshold NUMBER, or split dev and test"
        )
    known = np.isfinite(pairs.score) & pairs.dev
    mated, impostor = pairs.score[known & pairs.same], pairs.score[known & ~pairs.same]
    if not mated.size or not impostor.size:
        raise BadInputError(f"{path}: split dev lacks pairs of one person or of two", hint="both are needed on dev")
    value = threshold_for_accepts(mated, [impostor], target=fmr)
    return value, f"set on dev for FMR <= {fmr:g} ({impostor.size} impostor pairs)"


def _rate(path: Path, pairs: Comparisons, wrong: Any, chosen: Any) -> Interval:
    if not chosen.any():
        raise BadInputError(f"{path}: no tested pair of one person, or none of two", hint="both are needed on test")
    who = np.unique(pairs.first[chosen], return_inverse=True)[1]
    return count_interval(np.bincount(who, weights=wrong[chosen].astype(np.float64)), np.bincount(who))


def _page(held: EvaluatedComparisons, path: Path, *, command: str, simulated: bool) -> Page:
    tables = []
    for name, one in held.groups.items():
        rows = tuple(
            (words(group), one.subjects[group], rate_words(rates[0]), rate_words(rates[1]))
            for group, rates in one.rates.items()
        )
        columns = ("Group", "Subjects", "FMR within the group", "FNMR")
        tables.append(Table(f"{words(name)}: rates by group", columns, rows, "", simulated))
        if one.measures:
            title = f"{words(name)}: measures"
            tables.append(measures_table(title, one, first="FMR", second="FNMR", simulated=simulated))
    rates = Table(
        "", ("Rate", "Measured (95 %)"), (("FMR", rate_words(held.fmr)), ("FNMR", rate_words(held.fnmr))), "", simulated
    )
    text = (
        "A pair belongs to a group where both people do; the threshold is the same for everybody. “By chance” is the "
        "value "
        "where groups are assigned to people at random, so that other pairs are within a group.",
        "Bounds of a rate take the pairs of a first person as a cluster; those of the measures draw people with "
        "replacement.",
    )
    return Page(
        kicker="Comparison scores of a recognizer",
        title=f"Comparisons of {path.name}",
        summary=f"At the threshold {held.threshold:.5g} ({held.source}) FMR is {rate_words(held.fmr)} and FNMR "
        f"{rate_words(held.fnmr)}.",
        facts=(f"{held.no_score} pairs without a score",),
        chapters=(
            Chapter("rates", "Rates", held.warnings, (rates,)),
            Chapter("groups", "Demographic differentials", text, tuple(tables)),
        ),
        command=command,
        provenance=provenance(),
        simulated=simulated,
    )
