"""Reads a table of comparison scores: `score`, `same`, the two people, and their groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.columns import Coded, read_columns, table_header
from facewarden.data.own.group_table import MOST_GROUPS, read_groups
from facewarden.data.sample_words import SAME_WORDS
from facewarden.data.tables.column_names import column_places
from facewarden.data.text import printable
from facewarden.evaluation.score_file.rows import bounded
from facewarden.evaluation.score_file.words import SPLIT_WORDS

NEEDED = ("score", "same", "subject_a", "subject_b")


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
    """

    score: NDArray[np.float64]
    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    people: tuple[str, ...]
    dev: NDArray[np.bool_] | None
    test: NDArray[np.bool_]
    groups: Mapping[str, tuple[NDArray[np.int64], tuple[str, ...]]]


def read_comparisons(path: Path, *, groups: Path | None, columns: Mapping[str, str]) -> Comparisons:
    """Read comparisons and the groups of their people.

    Args:
        path: table with `score`, `same`, `subject_a`, `subject_b`, and perhaps `split`.
        groups: as in `facewarden.data.own.group_table.read_groups`.
        columns: of the names of the first table -> the name in it, where they differ.

    Raises:
        BadInputError: no such column, a cell that is no number, or a pair of one person that is said to be of two.
    """
    header = table_header(path)
    wanted = (*NEEDED, "split")
    found_as = column_places(path, header, [name for name in wanted if name not in columns])
    place = {name: name for name in wanted} | found_as | dict(columns)
    texts = [place[name] for name in NEEDED[1:]] + ([place["split"]] if place["split"] in header else [])
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
    return Comparisons(
        bounded(found.numbers[place["score"]])[0], same, first, second, people, dev, test,
        {} if groups is None else _groups(groups, people),
    )  # fmt: skip


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


def _groups(path: Path, people: Sequence[str]) -> dict[str, tuple[NDArray[np.int64], tuple[str, ...]]]:
    table = read_groups(path)
    found = {name: held for name, held in table.by_name("subject", people).items() if (held.codes >= 0).any()}
    if not found:
        raise BadInputError(
            f"{table.source}: no groups of the people of the comparisons",
            hint=f"the same names in subject, and columns of 2 to {MOST_GROUPS} values",
        )
    return {name: (held.codes, held.names) for name, held in found.items()}
