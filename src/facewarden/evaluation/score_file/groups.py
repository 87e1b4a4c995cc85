"""Error rates by group of people: columns `attr_NAME` of a table of scores, or a table of groups beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.data.columns import Coded, read_columns, table_header
from facewarden.data.text import printable
from facewarden.evaluation.score_file.measure import subjects_of
from facewarden.evaluation.score_file.rows import ATTRIBUTE, ScoredRows
from facewarden.metrics.laboratory.differentials import Differentials, counts_of, differentials

MOST_GROUPS = 12
"""An attribute with more values is no group of people: age in years, a file's name."""


@dataclass(frozen=True)
class AttributeRates:
    """The rates of one attribute.

    Attributes:
        attribute: its name.
        species: PAI species whose APCER is the first rate.
        found: rates and measures.
        unknown: rows whose group is not known.
    """

    attribute: str
    species: str
    found: Differentials
    unknown: int


def rates_by_group(rows: ScoredRows, *, threshold: float, seed: int, rounds: int) -> list[AttributeRates]:
    """APCER of each species and BPCER by group, for every attribute with two groups at least.

    Args:
        rows: of the test split.
        threshold: accept iff score >= threshold.
        seed, rounds: of permutations and of the bootstrap.
    """
    kept = rows.take(rows.answered)
    subject, _ = subjects_of(kept)
    accepted = kept.score >= threshold
    found = []
    for name, held in sorted(kept.attributes.items()):
        present = np.unique(held.codes[held.codes >= 0]).size
        if not 2 <= present <= MOST_GROUPS:
            continue
        for code in np.unique(kept.species.codes[kept.species.codes >= 0]):
            chosen = kept.bona_fide | (kept.species.codes == code)
            counts = counts_of(
                (accepted != kept.bona_fide)[chosen], kept.bona_fide[chosen], group=held.codes[chosen],
                subject=subject[chosen], names=held.names,
            )  # fmt: skip
            result = differentials(counts, seed=seed, rounds=rounds)
            species = kept.species.names[int(code)]
            found.append(AttributeRates(name, species, result, int((held.codes[chosen] < 0).sum())))
    return found


def with_groups(rows: ScoredRows, path: Path, *, key: str, column: Coded) -> ScoredRows:
    """Add the attributes of a table of groups: a manifest, or a table with one row a person.

    Args:
        rows: of the table of scores.
        path: the table of groups.
        key: the column that both tables have: `key` or `subject`.
        column: this column of the table of scores.

    Raises:
        BadInputError: the table of groups has no such column, names one twice with different groups, or knows nobody.
    """
    header = table_header(path)
    if key not in header:
        raise BadInputError(
            f"{printable(path)}: no column {key}; found: {', '.join(header)}",
            hint="a table of groups has a column key or subject, as the scores have, and columns attr_NAME",
        )
    named = [name for name in header if name.startswith(ATTRIBUTE)]
    wanted = named or [name for name in header if name not in ("key", "subject")]
    found = read_columns(path, texts=[key, *wanted])
    place = {name: code for code, name in enumerate(found.texts[key].names)}
    to = np.array([*(place.get(name, -1) for name in column.names), -1], np.int64)[column.codes]
    if (to < 0).all():
        raise BadInputError(
            f"{printable(path)}: none of its {len(place)} names in column {key} is in the table of scores",
            hint=f"the column {key} of both tables must hold the same names",
        )
    attributes = dict(rows.attributes)
    for name in wanted:
        groups = _by_key(path, found.texts[key], found.texts[name], key=key, name=name)
        if groups is not None:
            codes = np.append(groups, -1)[to]
            attributes[name.removeprefix(ATTRIBUTE)] = Coded(codes, found.texts[name].names)
    return replace(rows, attributes=attributes)


def _by_key(
    path: Path, keys: Coded, held: Coded, *, key: str, name: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """The group of each key; None for a column of too many values."""
    if not 1 < len(held.names) <= MOST_GROUPS:
        return None
    order = np.lexsort((held.codes, keys.codes))
    code, group = keys.codes[order], held.codes[order]
    differs = (code[1:] == code[:-1]) & (group[1:] != group[:-1]) & (group[:-1] >= 0) & (code[1:] >= 0)
    if differs.any():
        who = keys.names[int(code[int(np.argmax(differs))])]
        raise BadInputError(
            f"{printable(path)}: {key} {who!r} has two groups in column {name}", hint="one group a person and column"
        )
    found = np.full(len(keys.names), -1, np.int64)
    known = (keys.codes >= 0) & (held.codes >= 0)
    found[keys.codes[known]] = held.codes[known]
    return found


def summary_of(groups: Mapping[str, int]) -> str:
    """How many people each group has, in words."""
    return ", ".join(f"{name} {count}" for name, count in groups.items())
