"""The contract of a set of face photos: which person is in which file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from facewarden.core.errors import BadInputError
from facewarden.data.photo_files import SERVICE_FOLDERS, is_photo
from facewarden.data.sample import Landmarks
from facewarden.data.text import natural, opaque, printable


@dataclass(frozen=True)
class FacePhoto:
    """One photo of one person.

    Attributes:
        path: the file.
        identity: who it is, an opaque name inside the set.
        key: the photo's unique name inside the set.
        landmarks: five (x, y) in pixels: left eye, right eye, nose tip, left and right mouth corner, where known.
    """

    path: Path
    identity: str
    key: str
    landmarks: Landmarks | None = None

    @property
    def public_id(self) -> str:
        """A stable short name for reports that does not tell the identity."""
        return opaque(self.identity)


class Dataset(ABC):
    """A published layout of face photos; subclasses implement `_photos`, and `_default` where it can be fetched.

    Attributes:
        summary: one sentence.
        simulated: whether its faces were rendered.
        root: the folder or file that was given or fetched.
        notes: what a reader of a report must know of how the folder was understood.

    Args:
        path: where the set lies; None takes the fetched one, where facewarden can fetch it.

    Raises:
        BadInputError: no such path, or this set cannot be fetched and needs one.
        MissingAssetError: it can be fetched and has not been.
    """

    summary: ClassVar[str]

    def __init__(self, path: Path | None = None) -> None:
        self.root = self._default() if path is None else path
        self.simulated = False
        self.notes: tuple[str, ...] = ()
        if not _exists(self.root):
            raise BadInputError(f"{printable(self.root)}: no such folder", hint="check the path")

    @property
    def name(self) -> str:
        """What reports call the set: its registry name."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def understood(self) -> str:
        """How many people and photos were found, where opening the set tells; else empty."""
        return ""

    @final
    def photos(self) -> tuple[FacePhoto, ...]:
        """Return all photos in a fixed order.

        Raises:
            BadInputError: nothing is there, a file that tells where faces are is damaged, or two photos have one key.
        """
        listed = tuple(self._photos())
        if not listed:
            raise BadInputError(f"{printable(self.root)}: no photos for {self.name}", hint=type(self).summary)
        if len({photo.key for photo in listed}) < len(listed):
            ((twice, _),) = Counter(photo.key for photo in listed).most_common(1)
            raise BadInputError(
                f"{printable(self.root)}: two photos are named {twice}",
                hint="rename one of them",
            )
        return listed

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Person -> what the set says of them, attribute -> group; empty where it says nothing.

        Raises:
            BadInputError: the file that says it is damaged.
        """
        return {}

    @abstractmethod
    def _photos(self) -> Iterator[FacePhoto]:
        """Yield the photos."""

    @classmethod
    def _default(cls) -> Path:
        name = cls.__module__.rpartition(".")[2]
        raise BadInputError(f"{name} cannot be fetched, it needs a path", hint=f"{name}:PATH")


def folders_in(root: Path) -> list[Path]:
    """Return the folders directly inside one, s2 before s10, without hidden ones and those of file servers.

    Raises:
        BadInputError: not a folder, or one that cannot be read.
    """
    return [path for path in _entries(root) if path.is_dir() and path.name.lower() not in SERVICE_FOLDERS]


def images_in(root: Path) -> list[Path]:
    """Return the files directly inside a folder that are pictures by their suffix, without hidden ones.

    Raises:
        BadInputError: not a folder, or one that cannot be read.
    """
    return [path for path in _entries(root) if is_photo(path.name) and not path.is_dir()]


def relative_key(path: Path, root: Path) -> str:
    """Return a photo's key: its path below the set's folder, printable."""
    return printable(path.relative_to(root).as_posix())


def _entries(root: Path) -> list[Path]:
    try:
        entries = list(root.iterdir())
    except (OSError, ValueError) as error:
        raise BadInputError(f"{printable(root)}: cannot be listed: {error}", hint="give a folder") from error
    return [path for path in sorted(entries, key=lambda path: natural(path.name)) if not path.name.startswith(".")]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
