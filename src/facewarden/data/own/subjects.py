"""Whose face a photo of a folder shows: by a folder, a pattern, a table, or each photo by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.data.sample_words import as_name, as_text
from facewarden.data.table import read_table
from facewarden.data.tables.column_names import column_places, shown_columns
from facewarden.data.text import printable

FORMS = "auto, level:2, pattern:REGEX, table:FILE.csv or photo"
_ATTRIBUTE = "attr_"


@dataclass(frozen=True)
class SubjectRule:
    """How `--subject` says whose face a photo shows.

    Attributes:
        kind: "auto", "level", "pattern", "table" or "photo".
        level: of "level": which folder below the common one, from 1; from the photo's side if negative.
        pattern: of "pattern": searched in the photo's path below the common folder; group `subject`, else the first
            group, else the whole match is the name.
        rows: of "table": path of a photo, or its name, -> its row.
    """

    kind: str = "auto"
    level: int = 0
    pattern: re.Pattern[str] | None = None
    rows: Mapping[str, Mapping[str, str]] | None = None

    @classmethod
    def read(cls, text: str) -> SubjectRule:
        """Read the rule as a person types it.

        Args:
            text: auto, level:N, pattern:REGEX, table:FILE.csv (columns file and subject, also attr_...), or photo.

        Raises:
            BadInputError: none of these, no pattern, or a table that cannot be used.
        """
        kind, _, value = text.partition(":")
        if text in ("auto", "photo"):
            return cls(text)
        if kind == "level" and re.fullmatch(r"-?[1-9]\d?", value):
            return cls("level", level=int(value))
        if kind == "pattern" and value:
            try:
                return cls("pattern", pattern=re.compile(value))
            except re.error as error:
                raise BadInputError(f"--subject {text}: {error}", hint="pattern:'^([a-z]+)_'") from None
        if kind == "table" and value:
            return cls("table", rows=_rows(Path(value).expanduser()))
        raise BadInputError(f"--subject {text}: no such rule", hint=f"--subject {FORMS}")

    def named(self, key: str, parts: Sequence[str]) -> str | None:
        """The subject of a photo by this rule; None where it names none, and for "auto".

        Args:
            key: path of the photo below the common folder.
            parts: its folders.
        """
        if self.kind == "photo":
            return key
        if self.kind == "level":
            place = self.level - 1 if self.level > 0 else self.level
            return parts[place] if -len(parts) <= place < len(parts) else None
        if self.pattern is not None:
            match = self.pattern.search(key)
            if match is None:
                return None
            return match["subject"] if "subject" in match.groupdict() else match[1] if match.groups() else match[0]
        row = self._row(key)
        return None if row is None else row["subject"]

    def attributes(self, key: str) -> dict[str, str]:
        """Columns `attr_...` of the table, without the prefix; empty for the other rules."""
        row = self._row(key) or {}
        return {name.removeprefix(_ATTRIBUTE): text for name, text in row.items() if name.startswith(_ATTRIBUTE)}

    def _row(self, key: str) -> Mapping[str, str] | None:
        rows = self.rows or {}
        return rows.get(key) or rows.get(key.rpartition("/")[2])

    def check(self, unnamed: Sequence[str], count: int) -> None:
        """Refuse a rule that names no subject for some photos: a split by subject would not be one.

        Args:
            unnamed: keys of these photos.
            count: of all photos.

        Raises:
            BadInputError: there are some.
        """
        if unnamed:
            says = {"level": f"level:{self.level}", "table": "the table"}.get(self.kind, "the pattern")
            raise BadInputError(
                f"--subject: {says} names no subject for {len(unnamed)} of {count} photos, first "
                f"{printable(unnamed[0])}",
                hint=f"--subject {FORMS}",
            )


def _rows(path: Path) -> dict[str, dict[str, str]]:
    read = read_table(path)
    table = {
        name: read[column]
        for name, column in column_places(path, tuple(read), ("file", "subject"), prefix=_ATTRIBUTE).items()
    }
    missing = [name for name in ("file", "subject") if name not in table]
    if missing:
        raise BadInputError(
            f"{printable(path)}: no column {' and no '.join(missing)}; found: {shown_columns(tuple(read))}",
            hint="columns file (the photo's path below the common folder, or its name), subject, and attr_... as known",
        )
    rows: dict[str, dict[str, str]] = {}
    for number, values in enumerate(zip(*table.values(), strict=True), start=1):
        row = {name: as_name(as_text(value)) for name, value in zip(table, values, strict=True)}
        if not row["file"] or not row["subject"]:
            raise BadInputError(f"{printable(path)}: row {number}: file or subject is empty", hint="fill both")
        if row["file"] in rows:
            raise BadInputError(
                f"{printable(path)}: row {number}: {row['file']} is there twice", hint="one row a photo"
            )
        rows[row["file"]] = {name: text for name, text in row.items() if text}
    return rows


def first_silent(levels: Sequence[str], *, common: Callable[[str], bool]) -> str | None:
    """The first folder name that says something of one photo and not of all.

    Args:
        levels: names of folders that are no split, class or species, outermost first.
        common: whether a name is that of every photo.
    """
    return next((name for name in levels if not common(name)), None)
