"""Who belongs to which group: a table beside the scores, or what a set of photos says of its own people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.alike_names import alike_words
from facewarden.data.columns import Coded, read_columns, table_header
from facewarden.data.datasets import open_dataset
from facewarden.data.sample_words import as_flag
from facewarden.data.tables.column_names import column_places
from facewarden.data.text import printable

ATTRIBUTE = "attr_"
MOST_GROUPS = 12
"""An attribute with more values is no group of people: age in years, a file's name."""
_KEYS = ("key", "subject")
_SIMULATED = "simulated"


def group_words(attributes: Mapping[str, Coded]) -> list[str]:
    """What a reader must be told of columns that say who belongs to which group.

    Args:
        attributes: name without `attr_` -> its values.
    """
    told = []
    for name, held in sorted(attributes.items()):
        count = np.unique(held.codes[held.codes >= 0]).size
        if count > MOST_GROUPS:
            told.append(
                f"Column {ATTRIBUTE}{name} has {count} values and makes no groups of people; write at most "
                f"{MOST_GROUPS}, such as bands of age."
            )
        elif alike := alike_words(held.names, what=f"Groups of {ATTRIBUTE}{name}"):
            told.append(alike)
    return told


@dataclass(frozen=True, eq=False)
class GroupTable:
    """Groups of people, or of presentations.

    Attributes:
        source: the table or the set, as reports name it.
        keys: "key" or "subject" -> the names in this column.
        attributes: attribute -> the group of each row.
        remarks: what a reader must know of them.
        simulated: whether any of the people was rendered, as the table or the set says.
    """

    source: str
    keys: Mapping[str, Coded]
    attributes: Mapping[str, Coded]
    remarks: tuple[str, ...] = ()
    simulated: bool = False

    def by_name(self, key: str, names: Sequence[str]) -> dict[str, Coded]:
        """Attribute -> the group of each of some names, of those with two groups at least and twelve at most.

        Args:
            key: "key" or "subject".
            names: that are looked up.

        Raises:
            BadInputError: there is no such column, a name has two groups of one attribute, or no name is known.
        """
        if key not in self.keys:
            raise BadInputError(
                f"{self.source}: no column {key}; found: {', '.join((*self.keys, *self.attributes))}",
                hint="a table of groups has a column key or subject, as the scores have, and columns attr_NAME",
            )
        held = self.keys[key]
        place = {name: code for code, name in enumerate(held.names)}
        to = np.array([place.get(name, -1) for name in names], np.int64)
        if (to < 0).all():
            raise BadInputError(
                f"{self.source}: none of its {len(place)} names in column {key} is in the table of scores",
                hint=f"the column {key} of both tables must hold the same names",
            )
        found = {}
        for name, one in self.attributes.items():
            if 1 < len(one.names) <= MOST_GROUPS:
                groups = self._of_key(held, one, key=key, attribute=name)
                if groups is not None:
                    found[name] = Coded(np.append(groups, -1)[to], one.names)
        return found

    def _of_key(self, keys: Coded, held: Coded, *, key: str, attribute: str) -> NDArray[np.int64] | None:
        """The group of each key; None for what differs between the captures of a person, such as glasses."""
        order = np.lexsort((held.codes, keys.codes))
        code, group = keys.codes[order], held.codes[order]
        differs = (code[1:] == code[:-1]) & (group[1:] != group[:-1]) & (group[:-1] >= 0) & (code[1:] >= 0)
        if differs.any() and key == "subject" and "key" in self.keys:
            return None
        if differs.any():
            who = keys.names[int(code[int(np.argmax(differs))])]
            raise BadInputError(
                f"{self.source}: {key} {who!r} has two groups in column {attribute}",
                hint="one group a person and column",
            )
        found = np.full(len(keys.names), -1, np.int64)
        known = (keys.codes >= 0) & (held.codes >= 0)
        found[keys.codes[known]] = held.codes[known]
        return found


def read_groups(given: Path) -> GroupTable:
    """Read who belongs to which group.

    Args:
        given: a manifest, a table with `key` or `subject` and columns `attr_NAME` (or any columns of few values), or a
            set of photos that knows its people, such as `london:PATH`.

    Raises:
        BadInputError: no table, no set, or a set that says nothing of its people.
    """
    if not given.is_file() and ":" in str(given):
        return _of_set(str(given))
    header = table_header(given)
    place = column_places(given, header, (*_KEYS, _SIMULATED), prefix=ATTRIBUTE)
    keys = {name: place.pop(name) for name in _KEYS if name in place}
    mark = place.pop(_SIMULATED, None)
    wanted = place or {name: name for name in header if name not in (*keys.values(), mark)}
    found = read_columns(given, texts=[*keys.values(), *wanted.values(), *([] if mark is None else [mark])])
    attributes = {name.removeprefix(ATTRIBUTE): found.texts[column] for name, column in wanted.items()}
    told = group_words(attributes) if place else []  # of any columns nobody says that they are groups
    return GroupTable(
        printable(given), {name: found.texts[column] for name, column in keys.items()}, attributes, tuple(told),
        simulated=mark is not None and _says_yes(given, found.texts[mark].names),
    )  # fmt: skip


def _says_yes(given: Path, words: Sequence[str]) -> bool:
    """Whether any word of the column `simulated` says so; an empty one says no."""
    try:
        said = [as_flag(_SIMULATED, word or "false") for word in words]  # all of them: a wrong one is refused
    except BadInputError as error:
        raise BadInputError(f"{printable(given)}: {error.message}", hint=error.hint) from error
    return any(said)


def _of_set(spec: str) -> GroupTable:
    dataset = open_dataset(spec)
    people = dataset.attributes()
    if not people:
        raise BadInputError(
            f"{printable(spec)}: this set says nothing of its people", hint="--groups people.csv, or london:PATH"
        )
    names = sorted({name for values in people.values() for name in values})
    attributes = {name: coded([values.get(name, "") for values in people.values()]) for name in names}
    return GroupTable(printable(spec), {"subject": coded(list(people))}, attributes, simulated=dataset.simulated)


def coded(values: Sequence[str]) -> Coded:
    """A column of names from a list; an empty text is an unknown one."""
    names = tuple(sorted({value for value in values if value}))
    place = {name: code for code, name in enumerate(names)}
    return Coded(np.array([place.get(value, -1) for value in values], np.int64), names)
