"""Which files a manifest or a folder says are pictures, of whom and in which split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, DepthEncoding, Modality, Split
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.datasets.parts.base import folders_in, images_below, images_in
from facewarden.data.manifest import Manifest
from facewarden.data.photo_files import PHOTO_SUFFIXES
from facewarden.data.ranges import check_ranges
from facewarden.data.sample import Box
from facewarden.data.table import SUFFIXES
from facewarden.data.text import named_file, printable

_SPLIT_FOLDERS: Mapping[str, Split] = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "dev": "dev",
        "val": "dev",
        "valid": "dev",
        "validation": "dev",
        "test": "test",
    }
)


@dataclass(frozen=True)
class Item:
    """A file that should be a picture.

    Attributes:
        path: where it should be.
        name: what a report calls it.
        identity: whom it shows.
        split: where there are splits.
        modality: what it holds.
        compared: whether it stands for its capture when pictures are compared.
        depth_encoding: of depth.
        depth_unit, infrared_bits, box: as the manifest states them.
    """

    path: Path
    name: str
    identity: str
    split: Split | None
    modality: Modality
    compared: bool
    depth_encoding: DepthEncoding = "millimeters"
    depth_unit: float = 1.0
    infrared_bits: int | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Inventory:
    """Everything that should be there, and what is beside it.

    Attributes:
        kind: "manifest" or "folder".
        items: the pictures.
        empty: folders of people without a picture.
        other_files, unknown_columns: what is not read.
        wrong_units: what `facewarden.data.ranges.check_ranges` says of a manifest.
    """

    kind: str
    items: tuple[Item, ...]
    empty: tuple[str, ...] = ()
    other_files: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    wrong_units: tuple[str, ...] = ()


def take_inventory(path: Path) -> Inventory:
    """List the pictures of a manifest or a folder.

    Raises:
        BadInputError: no such path, a manifest that cannot be read, or no pictures.
    """
    if names_captures(path):
        return _of_manifest(open_captures(path))
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if not is_folder and not path.suffix:
        raise BadInputError(f"{printable(path)}: no such folder", hint="one folder per person, or a manifest")
    if not is_folder or any((path / f"manifest{suffix}").is_file() for suffix in SUFFIXES):
        return _of_manifest(Manifest.read(path))
    inventory = _of_folder(path)
    if not inventory.items:
        raise BadInputError(f"{printable(path)}: no photos in this folder", hint="one folder per person, or a manifest")
    return inventory


def _of_manifest(manifest: Manifest) -> Inventory:
    items = []
    for sample in manifest:
        # depth never stands for a capture: two captures of nothing but holes are equal and tell nothing
        comparable = next((name for name in ("rgb", "infrared") if name in sample.modalities), None)
        for name in sample.modalities:
            relative = str(sample.path(name))
            item = Item(
                named_file(manifest.root, relative),
                f"{sample.key} ({printable(relative)})",
                sample.subject,
                sample.split,
                name,
                name == comparable,
                sample.depth_encoding,
                sample.depth_unit,
                sample.infrared_bits,
                sample.box,
            )
            items.append(item)
    columns = sorted({column for sample in manifest for column in sample.extra} - {"video", "frame"})
    wrong: list[str] = []
    for name in MODALITIES:
        try:
            check_ranges(manifest, root=manifest.root, modalities=(name,))
        except BadInputError as error:
            wrong.append(f"{error.message}: {error.hint}")
    return Inventory("manifest", tuple(items), unknown_columns=tuple(columns), wrong_units=tuple(wrong))


def _of_folder(root: Path) -> Inventory:
    folders = folders_in(root)
    people: list[tuple[Path, Split | None]]
    if len(folders) > 1 and all(folder.name.lower() in _SPLIT_FOLDERS for folder in folders):
        people = [(person, _SPLIT_FOLDERS[folder.name.lower()]) for folder in folders for person in folders_in(folder)]
    else:
        people = [(folder, None) for folder in folders]
    items, empty = [], []
    for person, split in people:
        pictures = images_below(person)
        if not pictures:
            empty.append(printable(person.relative_to(root)))
        items += [_photo(path, root, printable(person.name), split) for path in pictures]
    if not items:  # a flat folder: one person a stem, as the dataset `folder` reads it
        items = [_photo(path, root, printable(path.stem), None) for path in images_in(root)]
    return Inventory("folder", tuple(items), tuple(empty), tuple(_other_files(root)))


def _photo(path: Path, root: Path, identity: str, split: Split | None) -> Item:
    return Item(path, printable(path.relative_to(root)), identity, split, "rgb", compared=True)


def _other_files(root: Path) -> list[str]:
    return [
        printable(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in PHOTO_SUFFIXES
    ]
