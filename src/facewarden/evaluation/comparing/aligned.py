"""Tables of scores brought to the same presentations in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.columns import Coded
from facewarden.evaluation.score_file.rows import ScoredRows
from facewarden.evaluation.score_file.words import folded


@dataclass(frozen=True, eq=False)
class AlignedTables:
    """Tables of the same presentations, row by row.

    Attributes:
        tables: one of each system.
        how: how rows were paired, in a sentence.
        unpaired: how many rows of each table have no partner in every other one.
    """

    tables: tuple[ScoredRows, ...]
    how: str
    unpaired: tuple[int, ...]


def align_tables(tables: Sequence[ScoredRows]) -> AlignedTables:
    """Pair rows by their key; without keys by their place, where labels, species and subjects agree in every row.

    Args:
        tables: two at least.

    Raises:
        BadInputError: some tables have keys and others none, no key is in all of them, or a presentation has another
            label, species, subject or split in another table.
    """
    keyed = [one.key is not None for one in tables]
    if any(keyed) and not all(keyed):
        raise BadInputError(
            f"{tables[keyed.index(False)].source}: no column key, and the other tables have one",
            hint="name it: --column key=COLUMN; rows are paired by it",
        )
    if not all(keyed):
        return _by_place(tables)
    common = _keys(tables[0])
    for one in tables[1:]:
        common = np.intersect1d(common, _keys(one), assume_unique=True)
    if not common.size:
        raise BadInputError(
            "no key is in all of the tables", hint="the column key must hold the same names of presentations"
        )
    found = []
    for one in tables:
        assert one.key is not None
        order = np.argsort(one.key)
        found.append(one.take(order[np.searchsorted(one.key, common, sorter=order)]))
    aligned = _same(found)
    left = tuple(len(one) - common.size for one in tables)
    return AlignedTables(aligned, f"Rows are paired by their key: {common.size} are in all tables.", left)


def _keys(rows: ScoredRows) -> NDArray[np.uint64]:
    """Keys of the rows that have one; a row without cannot be paired."""
    assert rows.key is not None
    found: NDArray[np.uint64] = rows.key[rows.key != 0]
    return found


def _by_place(tables: Sequence[ScoredRows]) -> AlignedTables:
    if len({len(one) for one in tables}) > 1:
        raise BadInputError(
            f"tables of {', '.join(str(len(one)) for one in tables)} rows and no column key: rows cannot be paired",
            hint="name the presentations in a column key",
        )
    how = f"The tables have no column key: their {len(tables[0])} rows are paired by their place."
    return AlignedTables(_same(tables), how, (0,) * len(tables))


def _same(tables: Sequence[ScoredRows]) -> tuple[ScoredRows, ...]:
    """Refuse presentations that are something else in another table; what one table knows is known of all."""
    first = tables[0]
    for one in tables[1:]:
        if (one.bona_fide != first.bona_fide).any():
            raise BadInputError(
                f"{one.source}: {int((one.bona_fide != first.bona_fide).sum())} presentations have another label than "
                f"in {first.source}",
                hint="1 = bona fide, 0 = attack, in all tables",
            )
    species = max((one.species for one in tables), key=lambda held: len(held.names))
    subject = next((one.subject for one in tables if one.subject is not None), None)
    split = next((one.split for one in tables if one.split is not None), None)
    for one in tables:
        stated = (
            ("species", one.species, species, folded), ("subject", one.subject, subject, str),
            ("split", one.split, split, str),
        )  # fmt: skip
        for what, ours, theirs, written in stated:
            told = ours is not None and (what != "species" or len(ours.names) > 1)  # one species alone: none was stated
            if told and ours is not None and theirs is not None and not _agree(ours, theirs, written):
                raise BadInputError(
                    f"{one.source}: some presentations have another {what} than in another table",
                    hint=f"the column {what} must say the same in all tables",
                )
    return tuple(replace(one, species=species, subject=subject, split=split) for one in tables)


def _agree(ours: Coded, theirs: Coded, written: Callable[[str], str]) -> bool:
    place = {written(name): code for code, name in enumerate(theirs.names)}
    to = np.array([*(place.get(written(name), -2) for name in ours.names), -1], np.int64)
    return bool((to[ours.codes] == theirs.codes).all())
