"""Which files a manifest or a folder says are pictures, of whom and in which split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, DepthEncoding, Modality, Split
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.datasets.folder import Folder
from facewarden.data.manifest import Manifest
from facewarden.data.photo_files import NO_PHOTO, UNLISTED
from facewarden.data.ranges import check_ranges
from facewarden.data.sample import Box
from facewarden.data.text import named_file, printable


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
        layout: how a folder was understood, where that is not plain, and what in it is left alone.
        unlisted: folders that may not be listed.
    """

    kind: str
    items: tuple[Item, ...]
    empty: tuple[str, ...] = ()
    other_files: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    wrong_units: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


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
    return _of_folder(path) if is_folder else _of_manifest(Manifest.read(path))


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
    """As `--faces` and the other verbs read it, so that what is checked is what is used."""
    found = Folder(root)
    items = tuple(
        Item(photo.path, photo.key, photo.identity, found.split_of(photo), "rgb", compared=True)
        for photo in found.photos()
    )
    return Inventory(
        "folder",
        items,
        empty=tuple(printable(folder.relative_to(root)) for folder in found.empty()),
        other_files=tuple(printable(path.relative_to(root)) for path in found.others),
        layout=(
            *found.layout,
            *(f"{count} x {what}" for what, count in found.unread.items() if not what.startswith((NO_PHOTO, UNLISTED))),
        ),
        unlisted=tuple(what for what in found.unread if what.startswith(UNLISTED)),
    )
