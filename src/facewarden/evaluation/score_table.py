"""The gate for tables of scores: every row is checked as a manifest's is, and is named where it is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.data.sample_words import as_flag, as_name, as_number, as_split, as_text, check_label
from facewarden.data.tables.column_names import under_known_names
from facewarden.data.text import printable

ABOUT = ("key", "label", "species", "subject", "domain", "split", "illumination")
"""What a table says of a capture beside its score."""
NOTE, FILE = "note", "file"
"""Columns that a row without a score fills: why, and the file at fault."""

NO_SCORE_IN_TABLE = "no score in the table"
INFINITE = "an infinite score, by which no threshold can be set"
_MAY_LACK: Mapping[str, str] = {"domain": "own", "illumination": "", "simulated": "false"}
"""Columns that a table of a person need not have, as the template has them not, and what stands in their place."""
_REQUIRED = ("key", "species", "subject", "domain", "split")


@dataclass(frozen=True)
class UnscoredCapture:
    """A capture that has no score and is in no rate.

    Attributes:
        about: its key, label, species, subject, domain, split and illumination.
        reason: why, without names, so that reasons can be counted.
        file: the file at fault, if one is.
    """

    about: Mapping[str, str | int]
    reason: str
    file: str = ""


@dataclass(frozen=True)
class CheckedRows:
    """What a table holds after the gate.

    Attributes:
        about: what is known of each scored row.
        score: finite, one a row.
        unscored: rows without a finite score.
        repeated: how many rows repeat an earlier one word for word and were counted once.
        simulated: whether any row says so.
    """

    about: list[dict[str, str | int]]
    score: list[float]
    unscored: list[UnscoredCapture]
    repeated: int
    simulated: bool


def check_score_rows(path: Path, table: Mapping[str, Sequence[Any]]) -> CheckedRows:
    """Check the rows of a table of scores.

    Args:
        path: where it is from, for messages.
        table: column -> values, as read; domain, illumination and simulated may be absent.

    Raises:
        BadInputError: a column is missing; a label, species, split or flag is no word of the field; a label contradicts
            its species; a key stands twice with different values; the row is named, counted from 1 below the header.
    """
    count = len(next(iter(table.values()), ()))
    named = under_known_names(path, table, (*ABOUT, "score", "simulated", NOTE, FILE))
    table = {**{name: [word] * count for name, word in _MAY_LACK.items() if name not in named}, **named}
    missing = [name for name in (*ABOUT, "score", "simulated") if name not in table]
    if missing:
        raise BadInputError(
            f"{printable(path)}: no column {', '.join(missing)} (found: {', '.join(table)})",
            hint="facewarden score writes such files, and facewarden data template scores a header",
        )
    names = [name for name in (*ABOUT, "score", "simulated", NOTE, FILE) if name in table]
    about, scores, unscored = [], [], []
    seen: dict[str, tuple[int, tuple[Any, ...]]] = {}
    repeated, simulated = 0, False
    for number, values in enumerate(zip(*(table[name] for name in names), strict=True), start=1):
        cells = dict(zip(names, values, strict=True))
        try:
            row, score = _about(cells), _score(cells["score"])
            simulated |= as_flag("simulated", as_text(cells["simulated"]) or "false")
        except BadInputError as error:
            raise BadInputError(f"{printable(path)}: row {number}: {error.message}", hint=error.hint) from error
        held = (tuple(row.values()), score)
        first, same = seen.setdefault(str(row["key"]), (number, held))
        if first != number:
            if held != same:
                raise BadInputError(
                    f"{printable(path)}: row {number}: key {row['key']!r} is in row {first} with another "
                    f"{'score' if held[0] == same[0] else 'label, species or subject'}",
                    hint="keep one row for each sample",
                )
            repeated += 1
        elif score is None:
            reason = as_text(cells.get(NOTE)) or (INFINITE if _infinite(cells["score"]) else NO_SCORE_IN_TABLE)
            unscored.append(UnscoredCapture(row, reason, as_text(cells.get(FILE))))
        else:
            about.append(row)
            scores.append(score)
    return CheckedRows(about, scores, unscored, repeated, simulated)


def _about(cells: Mapping[str, Any]) -> dict[str, str | int]:
    row: dict[str, str | int] = {name: as_text(cells[name]) for name in ABOUT}
    row |= {name: as_name(str(row[name])) for name in ("subject", "domain")}
    empty = [name for name in _REQUIRED if not row[name]]
    if empty:
        raise BadInputError(f"{empty[0]} is empty", hint=f"give every row a {empty[0]}")
    label = _number(cells["label"])
    if label not in (0.0, 1.0):
        raise BadInputError(f"unknown label {as_text(cells['label'])[:60]!r}", hint="1 = bona fide, 0 = attack")
    row["label"] = int(label)
    check_label(int(label), str(row["species"]))
    as_split(str(row["split"]))
    return row


def _score(cell: Any) -> float | None:
    """The score, or None where the cell is empty, NaN or infinite."""
    if as_text(cell) == "":
        return None
    value = _number(cell)
    if value is None:
        raise BadInputError(f"score {as_text(cell)[:60]!r} is no number", hint="a logit, higher = more bona fide")
    return value if math.isfinite(value) else None


def _infinite(cell: Any) -> bool:
    value = _number(cell)
    return value is not None and math.isinf(value)


def _number(cell: Any) -> float | None:
    try:
        return as_number(cell) if isinstance(cell, str) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
