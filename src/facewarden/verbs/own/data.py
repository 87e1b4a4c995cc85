"""Make captures of your own data: a manifest from folders of photos, face boxes, splits, and templates of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.labels import SPLITS
from facewarden.core.resolve import resolve_aligner
from facewarden.core.seeding import checked_seed
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.manifest import Manifest, check_results_target
from facewarden.data.own.folders import OwnFolders, captures_of_folders
from facewarden.data.own.mapping import FolderRow
from facewarden.data.own.templates import write_template
from facewarden.data.protocols.balanced_subjects import BalancedSubjects
from facewarden.data.table import check_target, write_table
from facewarden.evaluation.own.boxes import BoxCounts, boxes_of_photos, with_boxes
from facewarden.evaluation.own.captures import write_captures
from facewarden.verbs.own.folders import folder_paths


@dataclass(frozen=True)
class OwnManifest:
    """A manifest that was written.

    Attributes:
        out: its file.
        rows: how many.
        splits: split -> rows of bona fide, rows of attacks, subjects.
        notes: how the data were understood.
        folders: which folder is what, where it was made of folders.
        mapping: the file to edit, where it was made of folders.
        boxes: what looking for faces gave, where it was done.
    """

    out: Path
    rows: int
    splits: dict[str, tuple[int, int, int]]
    notes: tuple[str, ...] = ()
    folders: tuple[FolderRow, ...] = ()
    mapping: Path | None = None
    boxes: BoxCounts | None = None

    def lines(self) -> tuple[str, ...]:
        """What was written, for a person."""
        lines = [row.words() for row in self.folders]
        lines += [f"note: {note}" for note in self.notes]
        lines += self.boxes.lines() if self.boxes is not None else ()
        lines += [
            f"{split:>5}: {bona_fide} bona fide, {attacks} attacks, {subjects} subjects"
            for split, (bona_fide, attacks, subjects) in self.splits.items()
        ]
        lines += [f"manifest: {self.out}"]
        return (*lines, *([f"folders: {self.mapping} (edit it, then --mapping)"] if self.mapping is not None else []))


@dataclass(frozen=True)
class FoundBoxes:
    """A table of face boxes of photos.

    Attributes:
        out: its file.
        counts: of photos with one face, several and none.
        unread: what is no photo: sentence -> number.
    """

    out: Path
    counts: BoxCounts
    unread: dict[str, int] = field(default_factory=dict)

    def lines(self) -> tuple[str, ...]:
        """The counts, for a person."""
        left = [f"left out {count}: {reason}" for reason, count in self.unread.items()]
        return (*self.counts.lines(), *left, f"boxes: {self.out}")


@locking
def data_from_folders(
    folder: PathLike | None = None,
    /,
    *,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    train: float = 0.0,
    dev: float = 0.5,
    seed: int = 0,
    boxes: bool = False,
    aligner: str = "yunet",
    out: PathLike,
) -> OwnManifest:
    """Write the manifest of folders of your photos: class and species by folder names, one split by subject.

    Args:
        folder: one folder in which the names of folders say what is what (live and spoof, real and fake, 0 and 1, below
            train, dev and test or not); or give bona_fide and attacks.
        bona_fide, attacks: folders of photos of each class.
        mapping: table that says which folder is what; a call without it writes one beside the manifest, to edit.
        subject: whose face a photo shows: auto (a folder below that of the class and species), level:2 (the second
            folder), pattern:REGEX (of the path), table:FILE.csv (columns file and subject), or photo (each its own).
        train, dev: shares of the subjects, where the folders name no splits; the rest tests.
        seed: of the draw.
        boxes: find the face of every photo and write its box and landmarks.
        aligner: how faces are found.
        out: the manifest to write, .csv or .parquet.

    Raises:
        BadInputError: folders that cannot be understood or split.
    """
    target = path_of(out)
    check_results_target(target) if not target.exists() else check_target(target)
    request = OwnFolders(
        bona_fide=folder_paths(bona_fide),
        attacks=folder_paths(attacks),
        root=maybe_path(folder),
        mapping=maybe_path(mapping),
        subject=subject,
        train=train,
        dev=dev,
        seed=seed,
    )
    if request.root is not None and (request.bona_fide or request.attacks):
        raise BadInputError(
            "one folder, or bona fide and attack folders, not both", hint="--bona-fide DIR --attacks DIR"
        )
    found = captures_of_folders(request)
    counts = None
    if boxes:
        manifest, counts = with_boxes(found.manifest, aligner, workers=0)
        found = replace(found, manifest=manifest)
    written = target.with_name(f"{target.stem}.folders.csv")
    write_captures(found, target, written)
    return _told(found.manifest, target, folders=found.folders, mapping=written, boxes=counts)


def data_template(kind: Literal["manifest", "scores", "pairs"], /, *, out: PathLike) -> Path:
    """Write an empty table of your own data with one commented example row; docs/own-data.md explains every column.

    Args:
        kind: manifest (captures), scores (of a detector), or pairs (of photos, for verification).
        out: the .csv to write.

    Raises:
        BadInputError: the file is there already, or is no .csv.
    """
    return write_template(kind, path_of(out))


@locking
def data_boxes(
    source: PathLike, /, *, out: PathLike, aligner: str = "yunet", again: bool = False, workers: int = 0
) -> OwnManifest | FoundBoxes:
    """Find the face in every picture and write its box and five landmarks, with counts of none and several.

    Args:
        source: a manifest or a published set, which is written again with boxes; or a folder of photos, of which a
            table of boxes is written.
        out: the manifest or table to write, .csv or .parquet.
        aligner: how faces are found.
        again: look also where a row of the manifest has a box.
        workers: processes, each with one thread; all cores when 0. The result does not depend on it.

    Raises:
        BadInputError: no captures and no photos, or a file that cannot be written.
    """
    source, target = path_of(source), path_of(out)
    check_target(target)
    resolve_aligner(aligner)  # refused before anything is read
    if names_captures(source):
        manifest, counts = with_boxes(open_captures(source), aligner, again=again, workers=workers)
        manifest.write(target)
        return _told(manifest, target, boxes=counts)
    columns, counts, unread = boxes_of_photos(source, aligner, workers=workers)
    check_results_target(target)
    write_table(target, columns)
    return FoundBoxes(target, counts, unread)


@locking
def data_split(
    captures: PathLike,
    /,
    *,
    out: PathLike,
    train: float = 0.6,
    dev: float = 0.2,
    hold_out: str | Sequence[str] = (),
    seed: int = 0,
) -> OwnManifest:
    """Split captures by subject so that every split has its share of every species, and write them as a manifest.

    Args:
        captures: manifest, or NAME:PATH of a published set.
        out: the manifest to write, .csv or .parquet.
        train, dev: shares of the subjects; the rest tests. Train may be 0.
        hold_out: species that train and dev are to lack, so that the test shows them for the first time.
        seed: of the draw.

    Raises:
        BadInputError: shares, species or subjects with which no such split exists.
    """
    target = path_of(out)
    check_target(target)
    checked_seed(seed)
    held = (hold_out,) if isinstance(hold_out, str) else tuple(hold_out)
    manifest = open_captures(path_of(captures))
    splits = BalancedSubjects(train=train, dev=dev, hold_out=held).assign(manifest, seed=seed)
    placed = {row.key: row for rows in splits.values() for row in rows}
    rows = tuple(placed[row.key] for row in manifest if row.key in placed)
    left = len(manifest) - len(rows)
    note = f"split: drawn by subject with seed {seed}, shares train {train:g} and dev {dev:g}"
    if held:
        note += f"; {', '.join(held)} in test alone, {left} such rows of train and dev subjects are left out"
    kept = tuple(one for one in manifest.notes if not one.startswith("split: "))
    made = replace(manifest, rows=rows, notes=(*kept, note))
    made.write(target)
    return _told(made, target)


def _told(
    manifest: Manifest,
    out: Path,
    *,
    folders: tuple[FolderRow, ...] = (),
    mapping: Path | None = None,
    boxes: BoxCounts | None = None,
) -> OwnManifest:
    splits: dict[str, tuple[int, int, int]] = {}
    for split in SPLITS:
        part = manifest.where(split=split)
        bona_fide = sum(row.bona_fide for row in part)
        if len(part):
            splits[split] = (bona_fide, len(part) - bona_fide, len(part.subjects))
    notes = manifest.notes if boxes is None else manifest.notes[:-1]
    return OwnManifest(out, len(manifest), splits, notes, folders, mapping, boxes)
