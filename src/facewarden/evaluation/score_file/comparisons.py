"""Reads a table of comparison scores: `score`, `same`, the two people, and their groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.alike_names import alike_words
from facewarden.data.columns import Coded, read_columns, table_header
from facewarden.data.own.group_table import MOST_GROUPS, GroupTable, read_groups
from facewarden.data.sample_words import SAME_WORDS
from facewarden.data.tables.column_names import column_places
from facewarden.data.text import printable
from facewarden.evaluation.score_file.rows import bounded, infinite_words
from facewarden.evaluation.score_file.words import FLAG_CODES, SPLIT_WORDS, coded_words

NEEDED = ("score", "same", "subject_a", "subject_b")
_OTHERS = ("split", "simulated")
_FLAGS = "true or false"


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Comparisons of two photos; arrays are `(n,)`.

    Attributes:
        score: higher = more alike, an infinite one bounded; NaN where the recognizer gave none.
        same: whether both show one person.
        first, second: numbers of the people.
        people: their names.
        dev: which rows set the threshold; None where the table has no column split.
        test: which rows are measured.
        groups: attribute -> group of each person (-1 where not known) and the names of the groups.
        remarks: what a reader must know of how the table was read.
        simulated: whether any of the people was rendered, as a column of the table or the groups say.
    """

    score: NDArray[np.float64]
    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    people: tuple[str, ...]
    dev: NDArray[np.bool_] | None
    test: NDArray[np.bool_]
    groups: Mapping[str, tuple[NDArray[np.int64], tuple[str, ...]]]
    remarks: tuple[str, ...] = ()
    simulated: bool = False


def read_comparisons(path: Path, *, groups: Path | None, columns: Mapping[str, str]) -> Comparisons:
    """Read comparisons and the groups of their people.

    Args:
        path: table with `score`, `same`, `subject_a`, `subject_b`, and perhaps `split` and `simulated`.
        groups: as in `facewarden.data.own.group_table.read_groups`.
        columns: of the names of the first table -> the name in it, where they differ.

    Raises:
        BadInputError: no such column, a cell that is no number, or a pair of one person that is said to be of two.
    """
    header = table_header(path)
    wanted = (*NEEDED, *_OTHERS)
    found_as = column_places(path, header, [name for name in wanted if name not in columns])
    place = {name: name for name in wanted} | found_as | dict(columns)
    texts = [place[name] for name in NEEDED[1:]] + [place[name] for name in _OTHERS if place[name] in header]
    found = read_columns(path, numbers=[place["score"]], texts=texts)
    same = _flags(path, found.texts[place["same"]])
    one, other = found.texts[place["subject_a"]], found.texts[place["subject_b"]]
    if (one.codes < 0).any() or (other.codes < 0).any():
        raise BadInputError(f"{printable(path)}: a subject is empty", hint="name both people of every pair")
    people = tuple(sorted({*one.names, *other.names}))
    number = {name: index for index, name in enumerate(people)}
    first, second = (np.array([number[name] for name in held.names], np.int64)[held.codes] for held in (one, other))
    wrong = same != (first == second)
    if wrong.any():
        raise BadInputError(
            f"{printable(path)}: row {int(np.argmax(wrong)) + 1}: same says {bool(same[wrong][0])}, the subjects say "
            f"otherwise ({int(wrong.sum())} such rows)",
            hint="same = 1 where subject_a and subject_b are one person",
        )
    dev, test = _splits(path, found.texts.get(place["split"]), len(same))
    score, infinite = bounded(found.numbers[place["score"]])
    table = None if groups is None else read_groups(groups)
    by, told = ({}, ()) if table is None else (_groups(table, people), table.remarks)
    flags = found.texts.get(place["simulated"])
    rendered = flags is not None and "1" in coded_words(path, flags, FLAG_CODES, what="simulated", hint=_FLAGS).names
    remarks = (infinite_words(infinite), alike_words(people, what="People"), *told)
    return Comparisons(
        score, same, first, second, people, dev, test, by, tuple(remark for remark in remarks if remark),
        simulated=rendered or (table is not None and table.simulated),
    )  # fmt: skip


def remarks_of(pairs: Comparisons, *, given: bool, fmr: float) -> list[str]:
    """What a reader must know of the figures.

    Args:
        pairs: as read.
        given: whether the threshold was given, so that dev is not used.
        fmr: for which it is set otherwise.
    """
    told = list(pairs.remarks)
    known = np.isfinite(pairs.score)
    ends = np.sort(np.stack([pairs.first, pairs.second]), axis=0)
    held = np.stack([*ends, pairs.score.view(np.int64), pairs.test])[:, known]
    unused = int((~pairs.test if given or pairs.dev is None else ~(pairs.test | pairs.dev)).sum())
    if unused:
        splits = "dev and train" if given else "train"
        told.append(f"{unused} rows of split {splits} are in no figure.")
    for name, (codes, _) in sorted(pairs.groups.items()):
        if lost := int((codes < 0).sum()):
            told.append(f"{lost} of {len(codes)} people have no {name}: their pairs are in no group of it.")
    repeated = held.shape[1] - np.unique(held, axis=1).shape[1]
    if repeated:
        told.append(
            f"{repeated} rows have the people and the score of another row: where these are the same comparison, it "
            "counts more than once."
        )
    if not given and pairs.dev is not None:
        impostor = int((pairs.dev & known & ~pairs.same).sum())
        if impostor * fmr < 1:
            told.append(
                f"{impostor} impostor pairs of dev are too few for an FMR of {100 * fmr:g} %: the threshold accepts "
                "none of them."
            )
        seen, asked = (set(np.concatenate([pairs.first[rows], pairs.second[rows]])) for rows in (pairs.dev, pairs.test))
        if both := len(seen & asked):
            told.append(
                f"{both} people are in pairs of dev and of test: the threshold was set on people it is tested on."
            )
    tested = known & pairs.test
    mated, other = pairs.score[tested & pairs.same], pairs.score[tested & ~pairs.same]
    if mated.size and other.size and np.median(mated) < np.median(other):
        told.append(
            "Pairs of one person score lower than pairs of two: a score is higher where two photos are more alike; "
            "multiply distances by -1, or exchange the words of the column same."
        )
    return told


def _flags(path: Path, held: Coded) -> NDArray[np.bool_]:
    meant = [SAME_WORDS.get(name.lower()) for name in held.names]
    if None in meant or (held.codes < 0).any():
        raise BadInputError(f"{printable(path)}: same must be 1 or 0 in every row", hint="1 = one person, 0 = two")
    return np.array([bool(one) for one in meant], bool)[held.codes]


def _splits(path: Path, held: Coded | None, n: int) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_]]:
    if held is None:
        return None, np.ones(n, bool)
    meant = np.array([*(SPLIT_WORDS.get(name.lower(), "") for name in held.names), ""])[held.codes]
    if (meant == "").any():
        raise BadInputError(f"{printable(path)}: a split is neither train, dev nor test", hint="train, dev or test")
    return meant == "dev", meant == "test"


def _groups(table: GroupTable, people: Sequence[str]) -> dict[str, tuple[NDArray[np.int64], tuple[str, ...]]]:
    found = {name: held for name, held in table.by_name("subject", people).items() if (held.codes >= 0).any()}
    if not found:
        raise BadInputError(
            f"{table.source}: no groups of the people of the comparisons",
            hint=f"the same names in subject, and columns of 2 to {MOST_GROUPS} values",
        )
    return {name: (held.codes, held.names) for name, held in found.items()}
