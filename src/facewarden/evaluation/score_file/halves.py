"""Which rows set the threshold and which test it: the table's own splits, halves by hash, or a threshold given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError, LeakError
from facewarden.data.columns import Coded
from facewarden.evaluation.score_file.rows import ScoredRows

SPLITS = ("dev", "test")


@dataclass(frozen=True, eq=False)
class Parted:
    """Rows of dev and test.

    Attributes:
        dev: the rows that set thresholds; None where the threshold was given.
        test: the rows that are measured.
        how: in a sentence.
        made: the split that was made here, one code a row of the table; None where the table has one or needs none.
        excluded: reason -> rows in neither.
    """

    dev: ScoredRows | None
    test: ScoredRows
    how: str
    made: Coded | None
    excluded: dict[str, int]


def parted(rows: ScoredRows, *, given: bool) -> Parted:
    """Tell which rows are dev and which are test.

    Args:
        rows: of the table.
        given: whether the threshold is given, so that nothing has to be set; all rows but those of train and dev
            are then tested, where the table has splits, else all.

    Raises:
        BadInputError: a split lacks a class.
        LeakError: a subject is in dev and in test.
    """
    if rows.split is None:
        if given:
            return Parted(None, _both(rows, "the table"), "All rows are tested: the threshold was given.", None, {})
        split, how = made_halves(rows)
        whole = replace(rows, split=split)
        kind, count = ("rows", len(rows)) if rows.subject is None else ("subjects", np.unique(rows.subject.codes).size)
        made = f"a half of the {kind} ({count} in all)"
        dev, test = (_both(_of(whole, name), f"{name}, {made}") for name in SPLITS)
        return Parted(dev, test, how, split, {})
    named = rows.split.names
    left = {"no split": int((rows.split.codes < 0).sum())}
    if "train" in named:
        left["split train"] = int((rows.split.codes == named.index("train")).sum())
    test = _both(_of(rows, "test"), "test")
    if given:
        left["split dev"] = len(_of(rows, "dev"))
        how = "The rows of split test are tested: the threshold was given."
        return Parted(None, test, how, None, _some(left))
    dev = _both(_of(rows, "dev"), "dev")
    _refuse_shared(dev, test)
    return Parted(dev, test, "Splits are the table's own.", None, _some(left))


def made_halves(rows: ScoredRows) -> tuple[Coded, str]:
    """Halves by the hash of the subject, or of the row's number where subjects are not known.

    The hash is MD5 of the subject's name, so that a person is in the same half in every table; of a row its number,
    mixed by the finalizer of SplitMix64. An even hash is dev.
    """
    if rows.subject is None:
        codes = (_mixed(np.arange(len(rows), dtype=np.uint64)) & np.uint64(1)).astype(np.int64)
        how = (
            "The table has no column split: rows were halved by the hash of their number. It has no column subject "
            "either, so a person may be in both halves."
        )
        return Coded(codes, SPLITS), how
    half = np.array([hashlib.md5(name.encode(), usedforsecurity=False).digest()[-1] & 1 for name in rows.subject.names])
    by_row = (_mixed(np.arange(len(rows), dtype=np.uint64)) & np.uint64(1)).astype(np.int64)
    known = rows.subject.codes >= 0
    codes = np.where(known, half.astype(np.int64)[np.maximum(rows.subject.codes, 0)], by_row)
    return Coded(codes, SPLITS), "The table has no column split: subjects were halved by the hash of their name."


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _of(rows: ScoredRows, split: str) -> ScoredRows:
    assert rows.split is not None
    if split not in rows.split.names:
        return rows.take(np.zeros(len(rows), bool))
    return rows.take(rows.split.codes == rows.split.names.index(split))


def _both(rows: ScoredRows, where: str) -> ScoredRows:
    answered = rows.answered
    lacking = [
        what
        for what, chosen in (("bona fide", rows.bona_fide), ("attack", ~rows.bona_fide))
        if not (chosen & answered).any()
    ]
    if lacking:
        raise BadInputError(
            f"{rows.source}: no {' and no '.join(lacking)} row with a score in {where}",
            hint="both classes are needed on dev and on test; where a threshold is known: --threshold NUMBER",
        )
    return rows


def _refuse_shared(dev: ScoredRows, test: ScoredRows) -> None:
    if dev.subject is None or test.subject is None:
        return
    shared = np.intersect1d(dev.subject.codes, test.subject.codes)
    shared = shared[shared >= 0]
    if shared.size:
        raise LeakError(
            f"{dev.source}: {shared.size} subjects are in both dev and test, first "
            f"{dev.subject.names[int(shared[0])]!r}",
            hint="split by subject; without the column split, halves by subject are made",
        )


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}
