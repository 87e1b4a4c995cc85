"""The one walk of folders: which files are photos, and what else lies there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewarden.core.compute.shards import share
from facewarden.core.errors import BadInputError
from facewarden.data.photo_files.path_list import PathList
from facewarden.data.text import natural, printable
from facewarden.data.video.file_kinds import HEIC_SUFFIXES, first_bytes, no_photo, reads_heic, refuse_no_photo

PHOTO_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".pbm",
})  # fmt: skip

SERVICE_FOLDERS = frozenset({
    "@eadir", "#recycle", "@recycle", "$recycle.bin", "lost+found", "__macosx", "system volume information",
    "thumbs", "thumbnails", "_thumbs", "_thumbnails",
})  # fmt: skip
"""Folders that file servers and photo programs make for themselves, in lower case."""

_LINK, _HIDDEN_FILE = "link to a folder, not followed", "hidden file, not read"
_HIDDEN_FOLDER, _SERVICE_FOLDER = "hidden folder, not read", "folder of a file server, not read"
NO_PHOTO, UNLISTED = "not read", "folder that cannot be listed"
"""How the sentences begin that say of a file that it is no photo by its suffix, and of a folder that it is closed."""


def is_photo(name: str) -> bool:
    """Whether a file is a photo that can be read, by its suffix; HEIC with the extra `heif`."""
    suffix = Path(name).suffix.lower()
    return suffix in PHOTO_SUFFIXES or (suffix in HEIC_SUFFIXES and reads_heic())


@dataclass(frozen=True)
class FolderListing:
    """What a walk met.

    Attributes:
        photos: every photo; of `list_photos` files of a folder before the folders in it, s2 before s10, of `photos_of`
            sorted by path.
        unread: what was left alone: sentence -> number.
        others: the plain files among it that are no photos by their suffix.
    """

    photos: Sequence[Path]
    unread: dict[str, int]
    others: tuple[Path, ...] = ()


def list_photos(folder: Path) -> FolderListing:
    """Walk a folder to any depth.

    Hidden files, folders of file servers and links to folders are left alone and counted; a folder that may not be
    listed is counted by name instead of being passed in silence.

    Args:
        folder: where to start.

    Raises:
        BadInputError: this folder itself cannot be listed.
    """
    photos, unread, others = _walk(folder, key=natural)
    return FolderListing(tuple(photos), unread, others)


def photos_of(source: Path) -> FolderListing:
    """The photos of a folder at any depth, sorted by path, or the one photo given; from one walk.

    Args:
        source: a folder or a photo.

    Raises:
        BadInputError: neither, or a folder without photos.
    """
    if not _is_folder(source) and not _is_file(source):
        refuse_no_photo(str(source))
    if _is_file(source) and (found := no_photo(source.name, first_bytes(source))) is not None:
        raise BadInputError(f"{printable(source)}: {found[0]}", hint=found[1])
    if _is_file(source):
        return FolderListing((source,), {})
    if not _is_folder(source):
        raise BadInputError(f"{printable(source)}: does not exist", hint="give a photo or a folder of photos")
    photos, unread, others = _walk(source, key=str)
    if not photos:
        for suffix in (reason.rpartition(" ")[2] for reason in unread):
            if (found := no_photo(f"a{suffix}")) is not None:
                raise BadInputError(f"{printable(source)}: holds no photos; what is there {found[0]}", hint=found[1])
        raise BadInputError(
            f"{printable(source)}: holds no photos", hint=f"photos end in {', '.join(sorted(PHOTO_SUFFIXES))}"
        )
    return FolderListing(photos.in_order(), unread, others)


def share_of_photos(listing: FolderListing, *, base: Path) -> FolderListing:
    """The photos of a listing that the call works on, by their paths below `base`; all where it has no shard."""
    photos = listing.photos

    def key(place: int) -> str:
        return printable(photos[place].relative_to(base).as_posix())

    places = share(range(len(photos)), key, of="photos")
    if len(places) == len(photos):
        return listing
    some = photos.some(places) if isinstance(photos, PathList) else tuple(photos[place] for place in places)
    return replace(listing, photos=some)


def _walk(top: Path, *, key: Callable[[str], Any]) -> tuple[PathList, dict[str, int], tuple[Path, ...]]:
    """Photos, what was left alone, and the files that are no photos; names of a folder are sorted by a key."""
    photos: list[str] = []
    others: list[Path] = []
    unread: Counter[str] = Counter()
    waiting = [(top, "")]  # not by recursion: folders may be nested a thousand deep
    while waiting:
        folder, before = waiting.pop()
        try:
            names = sorted((path.name for path in folder.iterdir()), key=key)
        except (OSError, ValueError) as error:
            if folder is top:
                raise BadInputError(f"{printable(folder)}: cannot be listed: {error}", hint="give a folder") from error
            unread[f"{UNLISTED}: {printable(folder.name)}"] += 1
            continue
        inside: list[tuple[Path, str]] = []
        for name in names:
            path = folder / name
            kind = _kind(path)
            if kind == "folder":
                inside.append((path, f"{before}{name}/"))
            elif kind == "photo":
                photos.append(f"{before}{name}")
            else:
                unread[kind] += 1
                if kind.startswith(NO_PHOTO):
                    others.append(path)
        waiting += reversed(inside)
    return PathList(top, photos), dict(unread), tuple(others)


def is_no_presentation(reason: str) -> bool:
    """Whether a reason is of an entry that nobody presented, such as a hidden folder: it is no non-response."""
    return reason in (_LINK, _HIDDEN_FOLDER, _SERVICE_FOLDER, _HIDDEN_FILE) or reason.startswith(NO_PHOTO)


def _kind(path: Path) -> str:
    """`folder`, `photo`, or the sentence that says why it is neither."""
    try:
        if path.is_symlink() and path.is_dir():
            return _LINK
        if path.is_symlink() and not path.exists():
            return "link that leads nowhere"
        if path.is_dir():
            if path.name.startswith("."):
                return _HIDDEN_FOLDER
            return "folder" if path.name.lower() not in SERVICE_FOLDERS else _SERVICE_FOLDER
        if path.name.startswith("."):
            return _HIDDEN_FILE
        if not path.is_file():
            return "no plain file"
    except (OSError, ValueError):
        return "entry that may not be looked at"
    suffix = path.suffix.lower()
    return "photo" if is_photo(path.name) else f"{NO_PHOTO}: {suffix or 'a name without a suffix'}"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a NUL, or a name too long for the disk
        return False
