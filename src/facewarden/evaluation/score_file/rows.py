"""Reads a table of scores of any program: `score` and `label` alone, more columns as there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.alike_names import alike_words
from facewarden.data.columns import Coded, Columns, read_columns, table_header
from facewarden.data.own.group_table import ATTRIBUTE, group_words
from facewarden.data.tables.column_names import column_places
from facewarden.data.text import printable
from facewarden.evaluation.score_file.words import (
    FLAG_CODES,
    LABEL_WORDS,
    SPLIT_WORDS,
    coded_species,
    coded_words,
    no_column,
    of_attacks,
)

Higher = Literal["bona_fide", "attack"]
HIGHER: tuple[Higher, ...] = get_args(Higher)
"""Which presentations score higher."""

_TURNED = "Scores are taken times -1, since higher ones are of attacks; thresholds here are of scores taken so."
BEYOND = float(np.finfo(np.float64).max) / 4
"""What an infinite score counts as: beyond every other, and still a number that can be added and halved."""

USED = ("score", "label", "species", "subject", "split", "simulated", "note", "key")
"""Columns that are read where a table has them, beside those that begin with `attr_`."""


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows of a table of scores; every array is `(n,)`.

    Attributes:
        score: higher = more bona fide; NaN where the system gave no response. An infinite one is `BEYOND`.
        bona_fide: the labels.
        species: of the attacks.
        subject: who is shown; None where the table does not say, and every row counts as independent.
        split: "train", "dev" and "test" as codes; None where the table does not say.
        attributes: name without `attr_` -> its values.
        note: reasons for rows without a score; None without such a column.
        key: hash of the name of each presentation, 0 where it has none; None without any name.
        source: the file's name.
        simulated: whether any row says so.
        repeated: rows that repeat an earlier one with the same key; they were dropped.
        remarks: what a reader must know of how the table was read.
    """

    score: NDArray[np.float64]
    bona_fide: NDArray[np.bool_]
    species: Coded
    subject: Coded | None
    split: Coded | None
    source: str
    attributes: Mapping[str, Coded] = field(default_factory=dict)
    note: Coded | None = None
    key: NDArray[np.uint64] | None = None
    simulated: bool = False
    repeated: int = 0
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.score)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Rows with a response."""
        return np.isfinite(self.score)

    def take(self, rows: NDArray[Any]) -> ScoredRows:
        """Some rows, by mask or position."""

        def of(held: Coded | None) -> Coded | None:
            return None if held is None else held.take(rows)

        return replace(
            self,
            score=self.score[rows],
            bona_fide=self.bona_fide[rows],
            species=self.species.take(rows),
            subject=of(self.subject),
            split=of(self.split),
            note=of(self.note),
            key=None if self.key is None else self.key[rows],
            attributes={name: held.take(rows) for name, held in self.attributes.items()},
        )


def read_scored_rows(
    path: Path, *, columns: Mapping[str, str] | None = None, higher: Higher = "bona_fide", renamable: bool = True
) -> ScoredRows:
    """Read a table of scores.

    Args:
        path: `.csv` or `.parquet`; `score` and `label` are needed, `species`, `subject`, `split`, `key`, `note`,
            `simulated` and `attr_NAME` are used.
        columns: of these names -> the name in the table, where they differ.
        higher: which presentations score higher in this table; scores of the other kind are negated.
        renamable: whether the caller takes `columns`; an error then says how to give them.

    Raises:
        BadInputError: no such column, a cell that is no number, an unknown label or split, or a key with two different
            rows. The row is counted from 1 below the header.
    """
    given = dict(columns or {})
    unknown = [name for name in given if name not in USED and not name.startswith(ATTRIBUTE)]
    if unknown:
        raise BadInputError(
            f"no column {unknown[0]!r} is read", hint=f"--column NAME=COLUMN with {', '.join(USED)} or attr_NAME"
        )
    header = table_header(path)
    wanted = [name for name in USED if name not in given]
    place = column_places(path, header, wanted, prefix=ATTRIBUTE) | given
    lacking = [name for name in ("score", "label") if name not in place]
    if lacking:
        raise no_column(path, lacking, header, renamable=renamable)
    texts = [place[name] for name in place if name not in ("score", "key")]
    found = read_columns(path, numbers=[place["score"]], texts=texts, hashes=[place["key"]] if "key" in place else [])
    if not found.rows:
        raise BadInputError(f"{printable(path)}: no rows", hint="one row for each presentation")
    rows = _rows(path, found, place, higher=higher)
    key = found.hashes[place["key"]] if "key" in place else np.zeros(len(rows), np.uint64)
    if key.any():
        return _without_repeats(path, replace(rows, key=key))
    return replace(rows, remarks=tuple(told for told in (*rows.remarks, _repeat_words(rows)) if told))


def _rows(path: Path, found: Columns, place: Mapping[str, str], *, higher: Higher) -> ScoredRows:
    label = coded_words(path, found.texts[place["label"]], LABEL_WORDS, what="label", hint="1 = bona fide, 0 = attack")
    if (label.codes < 0).any():
        raise BadInputError(
            f"{printable(path)}: row {int(np.argmax(label.codes < 0)) + 1}: label is empty",
            hint="1 = bona fide, 0 = attack",
        )
    turned = of_attacks(place["label"], found.texts[place["label"]])
    bona_fide = np.array([(name == "1") != turned for name in label.names], bool)[label.codes]
    score, infinite = bounded(
        found.numbers[place["score"]] if higher == "bona_fide" else -found.numbers[place["score"]]
    )
    texts = {name: found.texts[column] for name, column in place.items() if column in found.texts}
    split = None
    if "split" in texts:
        hint = "train, dev or test; without the column, halves are made"
        split = coded_words(path, texts["split"], SPLIT_WORDS, what="split", hint=hint)
    simulated = False
    if "simulated" in texts:
        flags = coded_words(path, texts["simulated"], FLAG_CODES, what="simulated", hint="true or false")
        simulated = "1" in _seen(flags)
    species, respelled = coded_species(path, texts.get("species"), bona_fide)
    subject = texts.get("subject")
    subject = subject if subject is not None and subject.names else None  # an empty column says no more than none
    attributes = {name.removeprefix(ATTRIBUTE): held for name, held in texts.items() if name.startswith(ATTRIBUTE)}
    remarks = (
        respelled,
        _TURNED if higher == "attack" else "",
        f"Column {place['label']}: 1 is taken as an attack there." if turned else "",
        infinite_words(infinite),
        "" if subject is None else alike_words(subject.names, what="Subjects"),
        "" if subject is None else _unnamed_words(subject),
        *group_words(attributes),
    )
    return ScoredRows(
        score=score,
        bona_fide=bona_fide,
        species=species,
        subject=subject,
        split=split,
        source=path.name,
        attributes=attributes,
        note=texts.get("note"),
        simulated=simulated,
        remarks=tuple(told for told in remarks if told),
    )


def own_threshold(value: float, *, higher: Higher) -> float:
    """A threshold on the scores of a table, on these scores as they are read."""
    return value if higher == "bona_fide" else -value


def bounded(score: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Scores with `BEYOND` in place of infinity, and how many: a saturated logit is a response like others."""
    infinite = np.isinf(score)
    return np.where(infinite, np.copysign(BEYOND, score), score), int(infinite.sum())


def infinite_words(count: int) -> str:
    """What a reader must be told of infinite scores; empty where there are none."""
    return f"Infinite scores: {count}; they count as beyond every other score." if count else ""


def _unnamed_words(subject: Coded) -> str:
    lost = int((subject.codes < 0).sum())
    return (
        f"Rows without a subject: {lost} of {len(subject.codes)}; each counts as a person of its own, so intervals are "
        "too narrow where people have several, and a person may be on both sides of a split."
        if lost
        else ""
    )


def _repeat_words(rows: ScoredRows) -> str:
    """What a reader must be told of rows that nothing tells apart; empty where scores are coarse anyway."""
    if rows.subject is None:
        return ""
    kept = rows.answered
    mixed = np.ascontiguousarray(rows.score).view(np.uint64)
    for column in (rows.bona_fide, rows.species.codes, rows.subject.codes, *([rows.split.codes] if rows.split else ())):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64)
    different, scores = np.unique(mixed[kept]).size, np.unique(rows.score[kept]).size
    again = int(kept.sum()) - different
    return (
        f"Rows that say the same as an earlier one: {again}; where they are the same presentation, it counts more than "
        "once. A column key tells presentations apart."
        if again and scores > different / 2
        else ""
    )


def _seen(held: Coded) -> list[str]:
    return [held.names[code] for code in np.unique(held.codes) if code >= 0]


def _without_repeats(path: Path, rows: ScoredRows) -> ScoredRows:
    key = rows.key
    assert key is not None
    order = np.argsort(key, kind="stable")
    again = np.concatenate([[False], (key[order][1:] == key[order][:-1]) & (key[order][1:] != 0)])
    if not again.any():
        return rows
    later, earlier = order[again], order[np.flatnonzero(again) - 1]
    columns = [rows.bona_fide, rows.species.codes, np.nan_to_num(rows.score, nan=np.inf)]
    columns += [held.codes for held in (rows.subject, rows.split) if held is not None]
    differs = np.any([column[later] != column[earlier] for column in columns], axis=0)
    if differs.any():
        at = int(np.argmax(differs))
        raise BadInputError(
            f"{printable(path)}: row {int(later[at]) + 1} has the key of row {int(earlier[at]) + 1} with another "
            "score, label, species or subject",
            hint="keep one row for each presentation",
        )
    keep = np.ones(len(rows), bool)
    keep[later] = False
    return replace(rows.take(keep), repeated=int(later.size))
