"""Names of people that are probably one name, spelled in two ways."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_SHOWN = 5


def alike_names(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ in letter case or in leading zeros of their numbers alone.

    Spreadsheets make 1 of 001, and file systems do not look at case: such a person would be in dev and in test, or
    count twice.

    >>> alike_names(["s01", "S1", "s10", "s2"])
    [('S1', 's01')]
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_ZEROS.sub("", name.casefold()), []).append(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def alike_words(names: Iterable[str], *, what: str) -> str:
    """What a reader must be told of such names; empty where there are none.

    >>> alike_words(["001", "1"], what="Subjects")
    'Subjects that differ in letter case or leading zeros alone count as different: 001, 1.'
    """
    found = alike_names(names)
    told = "; ".join(", ".join(group) for group in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{what} that differ in letter case or leading zeros alone count as different: {told}{more}." if told else ""
