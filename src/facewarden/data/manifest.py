"""`Manifest`: the samples of a set, one row each, as Parquet or CSV beside their images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facewarden.core.compute.shards import share
from facewarden.core.errors import BadInputError
from facewarden.core.files import path_from, write_json
from facewarden.core.labels import MODALITIES
from facewarden.data.manifest_checks import check_rows
from facewarden.data.manifest_columns import (
    ATTRIBUTE,
    BOX_COLUMNS,
    KNOWN_COLUMNS,
    LANDMARK_COLUMNS,
    REQUIRED_COLUMNS,
    USUAL_COLUMNS,
    check_columns,
    parse_row,
    to_row,
)
from facewarden.data.sample import NON_RESPONSE, Sample
from facewarden.data.table import SUFFIXES, check_target, read_table, write_table
from facewarden.data.tables.column_names import doubtful_columns, under_known_names
from facewarden.data.tables.notes import notes_of, read_notes
from facewarden.data.text import named_file, printable

MAP_FILES = ("truedepth", "reflection", "millimeters")
"""Columns that name files of exact maps, which the simulator writes beside the pictures of a capture."""

__all__ = ["BOX_COLUMNS", "KNOWN_COLUMNS", "LANDMARK_COLUMNS", "REQUIRED_COLUMNS", "Manifest", "Sample"]

Choice = str | Collection[str] | None
"""One value, several, or None for all."""


@dataclass(frozen=True)
class Manifest:
    """Samples with unique keys.

    Attributes:
        rows: the samples, in the file's order.
        root: the folder that the paths of the images are relative to.
        name: what reports call the set.
        notes: what a reader of a report must know of how the set was understood; kept beside the file, see `notes_of`.

    Raises:
        BadInputError: two rows have the same key.
    """

    rows: tuple[Sample, ...]
    root: Path
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, int] = {}
        for number, row in enumerate(self.rows, start=1):
            if row.key in seen:
                raise BadInputError(
                    f"{self.name}: key {row.key!r} is in rows {seen[row.key]} and {number}",
                    hint="name every sample once",
                )
            seen[row.key] = number

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.rows)

    def where(
        self,
        *,
        split: Choice = None,
        species: Choice = None,
        domain: Choice = None,
        subject: Choice = None,
        illumination: Choice = None,
        label: int | None = None,
    ) -> Manifest:
        """Return the manifest of the rows that have all of these values, in the same order.

        Args:
            split, species, domain, subject, illumination: one value or several; None leaves the column alone.
            label: 1 or 0; None for both.
        """
        criteria = {
            "split": split,
            "species": species,
            "domain": domain,
            "subject": subject,
            "illumination": illumination,
        }
        wanted = {
            name: {value} if isinstance(value, str) else set(value)
            for name, value in criteria.items()
            if value is not None
        }
        rows = (row for row in self.rows if label is None or row.label == label)
        kept = tuple(row for row in rows if all(getattr(row, name) in values for name, values in wanted.items()))
        return replace(self, rows=kept)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject once, sorted."""
        return tuple(sorted({row.subject for row in self.rows}))

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain once, sorted."""
        return tuple(sorted({row.domain for row in self.rows}))

    @property
    def simulated(self) -> bool:
        """Whether any row was rendered: a figure from such a set is labeled *simulated*."""
        return any(row.simulated for row in self.rows)

    def counts(self, by: str = "species") -> dict[str, int]:
        """Return how many rows have each value of a field, sorted by value, e.g. `counts("split")`."""
        return dict(sorted(Counter(str(getattr(row, by)) for row in self.rows).items()))

    def path(self, sample: Sample, modality: str) -> Path | None:
        """Return where an image of a sample is, or None where there is none."""
        relative: str | None = getattr(sample, modality)
        return None if relative is None else named_file(self.root, relative)

    def write(self, path: Path) -> None:
        """Write the manifest; image paths are written relative to the file's folder.

        Args:
            path: ends with `.parquet` or `.csv`.

        Raises:
            BadInputError: the file cannot be written.
        """
        rows = [to_row(row) for row in self._relative_to(path.parent)]
        names = list(dict.fromkeys([*USUAL_COLUMNS, *(name for row in rows for name in row)]))
        write_table(path, {name: [row.get(name) for row in rows] for name in names})
        try:
            if self.notes:
                write_json(notes_of(path), list(self.notes))
            else:
                notes_of(path).unlink(missing_ok=True)  # those of an earlier manifest of this name
        except OSError as error:
            raise BadInputError(f"{printable(notes_of(path))}: cannot be written: {error}", hint="remove it") from error

    @classmethod
    def joined(cls, manifests: Sequence[Manifest], *, name: str) -> Manifest:
        """Concatenate several sets; a key that two of them use gets its set's name as prefix.

        A subject that two of them name stays one person, so that nobody is trained on and tested on; a note says so.

        Args:
            manifests: at least one; their folders may lie anywhere.
            name: of the whole.

        Raises:
            BadInputError: none, or two of one name that use the same keys.
        """
        if not manifests:
            raise BadInputError("no sets to join", hint="name at least one")
        root = Path(os.path.commonpath([item.root.absolute() for item in manifests]))
        counts = Counter(row.key for item in manifests for row in item)
        rows = (
            replace(row, key=f"{item.name}/{row.key}") if counts[row.key] > 1 else row
            for item in manifests
            for row in item._relative_to(root)
        )
        notes = tuple(f"{item.name}: {note}" for item in manifests for note in item.notes)
        sets_of = Counter(subject for item in manifests for subject in {row.subject for row in item})
        if shared := sorted(subject for subject, count in sets_of.items() if count > 1):
            some = ", ".join(shared[:3]) + (", ..." if len(shared) > 3 else "")
            notes += (
                f"{len(shared)} subjects are named in several sets and count as one person each: {some}; where they "
                "are different people, give them different names",
            )
        return cls(tuple(rows), root=root, name=name, notes=notes)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        It is named after its file, after the folder where that is just a "manifest".

        Args:
            path: a `.parquet` or `.csv` file, or a folder that holds `manifest.parquet` or `manifest.csv`.

        Raises:
            BadInputError: unreadable, without rows, a required column missing, a value that is not one of the field's
                words, or what `check_rows` refuses; the row is named, counted from 1 below the header.
        """
        path = manifest_file(path)
        columns = under_known_names(path, read_table(path), KNOWN_COLUMNS, prefix=ATTRIBUTE)
        check_columns(path, columns)
        if not next(iter(columns.values())):
            raise BadInputError(f"{printable(path)}: the manifest has no rows", hint="facewarden simulate writes one")
        names = list(columns)
        told = doubtful_columns(names, (*KNOWN_COLUMNS, NON_RESPONSE), prefix=ATTRIBUTE)
        rows = []
        for number, values in enumerate(zip(*columns.values(), strict=True), start=1):
            try:
                rows.append(parse_row(dict(zip(names, values, strict=True))))
            except BadInputError as error:
                raise BadInputError(f"{printable(path)}: row {number}: {error.message}", hint=error.hint) from error
        try:
            name = path.stem if path.stem != "manifest" else path.parent.absolute().name or path.stem
            notes = dict.fromkeys((*read_notes(notes_of(path)), *told, *check_rows(rows)))
            return cls(tuple(rows), root=path.parent, name=name, notes=tuple(notes))
        except BadInputError as error:
            raise BadInputError(f"{printable(path)}: {error.message}", hint=error.hint) from error

    def _relative_to(self, folder: Path) -> Iterator[Sample]:
        if self.root.absolute() == folder.absolute():
            yield from self.rows
            return
        for row in self.rows:
            moved = {
                name: path_from(folder, self.root / relative)
                for name in MODALITIES
                if (relative := row.path(name)) is not None and not Path(relative).is_absolute()
            }
            more = {
                name: path_from(folder, self.root / row.extra[name])
                for name in MAP_FILES
                if row.extra.get(name) and not Path(row.extra[name]).is_absolute()
            }
            yield replace(row, extra={**row.extra, **more}, **moved)  # type: ignore[arg-type]


def check_results_target(path: Path) -> None:
    """Lock a table's path for results, as `check_target` does, or refuse it, also where a manifest would be lost.

    Raises:
        BadInputError: as there, or a manifest is there.
    """
    check_target(path)
    try:
        columns = {name.strip().lower() for name in read_table(path)} if path.is_file() else set()
    except BadInputError:
        return  # what cannot be read is no manifest
    if {"key", "split"} <= columns and columns & set(MODALITIES):
        raise BadInputError(f"{printable(path)} is a manifest, which results would replace", hint="another --out")


def manifest_file(path: Path) -> Path:
    """The file of a manifest, of which its folder may be given.

    Raises:
        BadInputError: a folder without one.
    """
    try:
        if not path.is_dir():
            return path
    except (OSError, ValueError):
        return path  # read_table says what is wrong with it
    for suffix in SUFFIXES:
        if (path / f"manifest{suffix}").is_file():
            return path / f"manifest{suffix}"
    raise BadInputError(f"{printable(path)}: no manifest in this folder", hint="facewarden simulate DIR writes one")


def share_of(manifest: Manifest) -> Manifest:
    """The captures of a manifest that the call works on, by their keys; all of them where it has no shard."""
    return replace(manifest, rows=tuple(share(manifest.rows, lambda row: row.key, of="captures")))
