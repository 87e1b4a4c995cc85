"""Error rates by group of people: columns `attr_NAME` of a table of scores, or a table of groups beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from facewarden.data.columns import Coded
from facewarden.data.own.group_table import MOST_GROUPS, GroupTable
from facewarden.evaluation.score_file.measure import subjects_of
from facewarden.evaluation.score_file.rows import ScoredRows
from facewarden.metrics.laboratory.differentials import Differentials, counts_of, differentials


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


def with_groups(rows: ScoredRows, groups: GroupTable, *, key: str, column: Coded) -> ScoredRows:
    """Add the attributes of a table of groups: a manifest, a table with one row a person, or a set of photos.

    Args:
        rows: of the table of scores.
        groups: the table of groups.
        key: the column that both tables have: `key` or `subject`.
        column: this column of the table of scores.

    Raises:
        BadInputError: the table of groups has no such column, names one twice with different groups, or knows nobody.
    """
    found = groups.by_name(key, column.names)
    attributes = {name: Coded(np.append(held.codes, -1)[column.codes], held.names) for name, held in found.items()}
    remarks = dict.fromkeys((*rows.remarks, *groups.remarks))
    return replace(
        rows, attributes={**dict(rows.attributes), **attributes}, remarks=tuple(remarks),
        simulated=rows.simulated or groups.simulated,
    )  # fmt: skip


def summary_of(groups: Mapping[str, int]) -> str:
    """How many people each group has, in words."""
    return ", ".join(f"{name} {count}" for name, count in groups.items())
