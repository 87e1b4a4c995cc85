"""Records of presentations for a laboratory's report: scores with series, artifact, match, mechanism and exclusions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.columns import Coded, read_columns, table_header
from facewarden.data.sample_words import FLAG_WORDS
from facewarden.data.tables.column_names import column_places
from facewarden.data.text import printable
from facewarden.evaluation.score_file.rows import ScoredRows, read_scored_rows
from facewarden.evaluation.score_file.words import FLAG_CODES, NOTHING, coded_words

TEXTS = ("series", "artifact", "attempt", "session", "device", "light", "mechanism", "excluded", "file_sha256")
"""Columns of a laboratory that are read where a table has them; `match` is a number, `matched` yes or no."""
MATCHED_WORDS: Mapping[str, str] = {
    **FLAG_CODES, "matched": "1", "match": "1", "not_matched": "0", "no_match": "0",
}  # fmt: skip
"""Word of the column `matched`, as `folded` gives it -> 1 or 0."""


@dataclass(frozen=True, eq=False)
class LabRecords:
    """Presentations of a test; every array is `(n,)` and belongs to `rows`, from which excluded ones are gone.

    Attributes:
        rows: the scores.
        texts: of `TEXTS`, those that the table has.
        matched: whether the presentation matched its target; None where no recognizer was used. NaN where a
            presentation has no comparison.
        excluded: (species or "bona fide", reason) -> how many were excluded; those of another split than test are
            counted apart and named after it.
    """

    rows: ScoredRows
    texts: Mapping[str, Coded]
    matched: NDArray[np.float64] | None
    excluded: Mapping[tuple[str, str], int]


def read_records(path: Path, *, match_threshold: float | None) -> LabRecords:
    """Read the records of a test.

    Args:
        path: table of scores with the columns of a laboratory.
        match_threshold: a comparison score in the column `match` from which on it matches.

    Raises:
        BadInputError: what `read_scored_rows` refuses; a repeated key; comparison scores without a threshold; a word in
            `matched` that is none.
    """
    rows = read_scored_rows(path, renamable=False)
    if rows.repeated:
        raise BadInputError(
            f"{printable(path)}: {rows.repeated} presentations are in it twice", hint="one row for each presentation"
        )
    place = column_places(path, table_header(path), (*TEXTS, "matched", "match"))
    number = place.pop("match", None)
    found = read_columns(path, texts=list(place.values()), numbers=[number] if number else [])
    texts = {name: found.texts[column] for name, column in place.items()}
    matched = None
    if (held := texts.pop("matched", None)) is not None:
        held = coded_words(path, held, MATCHED_WORDS, what="matched", hint="1 = it matched its target, 0 = it did not")
        matched = np.array([*(float(name == "1") for name in held.names), np.nan])[held.codes]
    elif number:
        if match_threshold is None:
            raise BadInputError(
                f"{printable(path)}: it has comparison scores (column match) and no threshold for them",
                hint='"match_threshold" in lab.json',
            )
        scores = found.numbers[number]
        matched = np.where(np.isnan(scores), np.nan, (scores >= match_threshold).astype(np.float64))
    return _without_excluded(rows, texts, matched)


def _without_excluded(rows: ScoredRows, texts: Mapping[str, Coded], matched: NDArray[np.float64] | None) -> LabRecords:
    held = texts.get("excluded")
    if held is None:
        return LabRecords(rows, texts, matched, {})
    excludes = np.array([*(FLAG_WORDS.get(name.lower(), name.lower() not in NOTHING) for name in held.names), False])
    out = excludes[held.codes]  # a text is a reason; a column of flags says which
    counts: dict[tuple[str, str], int] = {}
    for row in np.flatnonzero(out):
        code = int(rows.species.codes[row])
        kind = ("bona fide" if code < 0 else rows.species.names[code]) + _outside_test(rows.split, int(row))
        reason = held.names[int(held.codes[row])]
        key = kind, "no reason stated" if reason.lower() in FLAG_WORDS else reason
        counts[key] = counts.get(key, 0) + 1
    kept = {name: one.take(~out) for name, one in texts.items() if name != "excluded"}
    return LabRecords(rows.take(~out), kept, None if matched is None else matched[~out], counts)


def _outside_test(split: Coded | None, row: int) -> str:
    if split is None or "test" not in split.names:
        return ""
    name = split.names[split.codes[row]] if split.codes[row] >= 0 else "no split"
    return "" if name == "test" else f" ({name})"
