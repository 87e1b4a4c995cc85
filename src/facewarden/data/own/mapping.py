"""The mapping file: which folder of photos is bona fide, which one an attack of which species; a person may edit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.data.sample_words import as_text, check_label
from facewarden.data.table import read_table, write_table
from facewarden.data.tables.column_names import column_places, shown_columns
from facewarden.data.text import printable

SKIP = "skip"
"""In the column `label`: leave the photos of this folder out."""


@dataclass(frozen=True)
class FolderRow:
    """How the photos of one folder are understood.

    Attributes:
        folder: its path below the common folder, without the folders of splits and of people; "." for this itself.
        label: 1 = bona fide, 0 = attack, None to leave its photos out.
        species: of its attacks; "bona_fide" where they are none.
        photos: how many there are.
        subjects: of how many people.
    """

    folder: str
    label: int | None
    species: str
    photos: int = 0
    subjects: int = 0

    def words(self) -> str:
        """The row as a line for a person."""
        what = "left out" if self.label is None else "bona fide" if self.label == BONA_FIDE else self.species
        return f"{self.folder}: {what}, {self.photos} photos of {self.subjects} subjects"


def write_mapping(path: Path, rows: Sequence[FolderRow]) -> Path:
    """Write the table that a person may edit and give back with `--mapping`.

    Raises:
        BadInputError: it cannot be written.
    """
    write_table(
        path,
        {
            "folder": [row.folder for row in rows],
            "label": [SKIP if row.label is None else str(row.label) for row in rows],
            "species": ["" if row.label is None else row.species for row in rows],
            "photos": [row.photos for row in rows],
            "subjects": [row.subjects for row in rows],
        },
    )
    return path


def read_mapping(path: Path) -> dict[str, FolderRow]:
    """Read a mapping file by folder; the columns photos and subjects are for the reader and are not used.

    Raises:
        BadInputError: a column is missing, a folder stands twice, or a label or species is no word of the field.
    """
    read = read_table(path)
    needed = ("folder", "label", "species")
    table = {name: read[column] for name, column in column_places(path, tuple(read), needed).items()}
    missing = [name for name in needed if name not in table]
    if missing:
        raise BadInputError(
            f"{printable(path)}: no column {' and no '.join(missing)}; found: {shown_columns(tuple(read))}",
            hint="facewarden data from-folders writes one to edit",
        )
    rows: dict[str, FolderRow] = {}
    for number, cells in enumerate(zip(*(table[name] for name in needed), strict=True), start=1):
        try:
            row = _row(*map(as_text, cells))
        except BadInputError as error:
            raise BadInputError(f"{printable(path)}: row {number}: {error.message}", hint=error.hint) from error
        if row.folder in rows:
            raise BadInputError(
                f"{printable(path)}: row {number}: {row.folder} is there twice", hint="one row a folder"
            )
        rows[row.folder] = row
    return rows


def _row(folder: str, label: str, species: str) -> FolderRow:
    if not folder:
        raise BadInputError("folder is empty", hint="the path below the common folder, or . for this itself")
    if label == SKIP:
        return FolderRow(folder, None, "")
    if label not in (str(BONA_FIDE), str(ATTACK)):
        raise BadInputError(f"unknown label {label[:40]!r}", hint="1 = bona fide, 0 = attack, skip = leave it out")
    species = species or ("bona_fide" if label == str(BONA_FIDE) else "")
    if not species:
        raise BadInputError("species is empty", hint="such as print, replay_phone, mask_rigid, or other_NAME")
    check_label(int(label), species)
    return FolderRow(folder, int(label), species)
