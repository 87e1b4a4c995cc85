"""Folders of bona fide and attack photos as a manifest: one split by subject, made once and written down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.core.seeding import checked_seed
from facewarden.data.content import file_digest
from facewarden.data.manifest import Manifest
from facewarden.data.own.mapping import FolderRow
from facewarden.data.own.places import absolute
from facewarden.data.own.reading import FolderPhotos, OwnPhoto, read_own_photos
from facewarden.data.protocols.balanced_subjects import BalancedSubjects
from facewarden.data.sample import Sample
from facewarden.data.text import opaque, printable


@dataclass(frozen=True)
class OwnFolders:
    """Folders of a person's own photos, and how they are to be understood.

    Attributes:
        bona_fide, attacks: folders of each class.
        root: instead of both, one folder in which the names of folders say what is what.
        mapping: file that says which folder is what.
        subject: whose face a photo shows, see `facewarden.data.own.subjects.SubjectRule`.
        train, dev: shares of the subjects, where folders do not say the split.
        seed: of the draw.
        split: whether a split is wanted; without it every photo is of test.
        domain: what the set is called.
    """

    bona_fide: tuple[Path, ...] = ()
    attacks: tuple[Path, ...] = ()
    root: Path | None = None
    mapping: Path | None = None
    subject: str = "auto"
    train: float = 0.0
    dev: float = 0.5
    seed: int = 0
    split: bool = True
    domain: str = "own"

    def identity(self, photos: Sequence[OwnPhoto]) -> str:
        """A short name of this request on these files as they are now."""
        files = []
        for photo in photos:
            about = photo.path.stat()
            files.append([photo.key, photo.label, photo.species, photo.subject, about.st_size, about.st_mtime_ns])
        told = {name: str(value) for name, value in asdict(self).items()}
        return opaque(json.dumps([str(Path.cwd()), told, files]))


@dataclass(frozen=True)
class FolderCaptures:
    """A manifest made of folders.

    Attributes:
        manifest: its rows, with notes on how the folders were understood.
        folders: of the mapping file.
        identity: a short name of request and files.
    """

    manifest: Manifest
    folders: tuple[FolderRow, ...]
    identity: str


def captures_of_folders(request: OwnFolders) -> FolderCaptures:
    """Read folders of photos as captures.

    Args:
        request: the folders.

    Raises:
        BadInputError: folders that cannot be understood or split; see `read_own_photos`.
        LeakError: a photo is both bona fide and an attack.
    """
    checked_seed(request.seed)
    if request.root is None and not request.bona_fide and not request.attacks:
        raise BadInputError("no folder of photos", hint="--bona-fide DIR --attacks DIR")
    if request.split and request.root is None and not (request.bona_fide and request.attacks):
        absent = "--attacks" if request.bona_fide else "--bona-fide"
        raise BadInputError(f"no folder for {absent}", hint="a threshold and its rates need both classes")
    found = read_own_photos(
        bona_fide=request.bona_fide,
        attacks=request.attacks,
        root=request.root,
        mapping=request.mapping,
        subject=request.subject,
    )
    photos, repeats = _without_repeats(found.photos)
    samples = [_sample(photo, found, request.domain) for photo in photos]
    notes = [*found.notes, *repeats]
    rows: tuple[Sample, ...] = tuple(samples)
    if request.split:
        rows, said = _with_splits(samples, {photo.key: photo.split for photo in photos}, request)
        notes += said
    manifest = Manifest(rows, root=found.base, name=request.domain, notes=tuple(notes))
    return FolderCaptures(manifest, found.rows, request.identity(photos))


def _sample(photo: OwnPhoto, found: FolderPhotos, domain: str) -> Sample:
    relative = printable(absolute(photo.path).relative_to(found.base).as_posix())
    return Sample(
        key=photo.key,
        split="test",
        label=photo.label,
        species=photo.species,
        subject=photo.subject,
        domain=domain,
        rgb=relative,
        attributes=photo.attributes,
    )


def _without_repeats(photos: Sequence[OwnPhoto]) -> tuple[tuple[OwnPhoto, ...], list[str]]:
    """Leave out photos of the same bytes: in two splits they would make the test easier than it is."""
    sizes = Counter(_size(photo.path) for photo in photos)
    first: dict[bytes, OwnPhoto] = {}
    kept: list[OwnPhoto] = []
    for photo in photos:
        if sizes[_size(photo.path)] > 1:
            try:
                digest = file_digest(photo.path)
            except OSError:  # whoever reads it says what is wrong with it
                kept.append(photo)
                continue
            other = first.setdefault(digest, photo)
            if other.label != photo.label:
                raise BadInputError(
                    f"{other.key} and {photo.key} are the same photo, bona fide and an attack",
                    hint="remove the one in the wrong folder",
                )
            if other is not photo:
                continue
        kept.append(photo)
    repeated = len(photos) - len(kept)
    return tuple(kept), [f"{repeated} photos repeat another one byte for byte and are left out"] if repeated else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _with_splits(
    samples: Sequence[Sample], told: dict[str, Split | None], request: OwnFolders
) -> tuple[tuple[Sample, ...], list[str]]:
    """The samples with a split: that of their folders where it can be used, else drawn by subject."""
    named = [replace(one, split=split) for one in samples if (split := told[one.key]) is not None]
    whole = len(named) == len(samples)
    if whole and _usable(named):
        return tuple(named), ["split: as the folders say"]
    fixed: list[Sample] = []
    why = ""
    if whole and (trained := [one for one in named if one.split == "train"]) and len(trained) < len(named):
        others = {one.subject for one in named if one.split != "train"}
        if others.isdisjoint(one.subject for one in trained):
            fixed, why = trained, "; train as the folders say, dev and test out of the rest"
        else:
            why = "; not as the folders say, where somebody is in two splits"
    elif named:
        why = "; not as the folders say, which name no dev and test with both classes"
    held = {one.key for one in fixed}
    protocol = BalancedSubjects(train=0.0 if fixed else request.train, dev=request.dev)
    drawn = protocol.assign([one for one in samples if one.key not in held], seed=request.seed)
    split_of = {one.key: one for split in drawn.values() for one in split} | {one.key: one for one in fixed}
    rows = tuple(split_of[one.key] for one in samples)
    return rows, [f"split: drawn by subject with seed {request.seed}{why}"]


def _usable(named: Sequence[Sample]) -> bool:
    subjects: dict[str, set[str]] = {}
    for one in named:
        subjects.setdefault(one.subject, set()).add(one.split)
    if any(len(splits) > 1 for splits in subjects.values()):
        return False
    return all({one.label for one in named if one.split == split} == {0, 1} for split in ("dev", "test"))
