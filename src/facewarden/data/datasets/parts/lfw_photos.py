"""Labeled Faces in the Wild, deep-funneled: photos by person, and the verification pairs of the official ten folds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, folders_in, images_in
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.text import opaque, printable

USERS_HAVE = 10
"""Photos from which on a person belongs to the part `users`."""

Part = Literal["train", "users"]
_LAYOUTS = ("lfw-deepfunneled", "lfw_deepfunneled", "lfw")


@dataclass(frozen=True)
class VerificationPair:
    """Two photos to compare.

    Attributes:
        fold: 0 to 9.
        same: whether they show one person.
        first, second: the photos.
    """

    fold: int
    same: bool
    first: FacePhoto
    second: FacePhoto


@dataclass(frozen=True)
class VerificationPairs:
    """Pairs whose photos are both there, and how many of the list are not."""

    pairs: tuple[VerificationPair, ...]
    missing: int


class LfwPhotos(Dataset):
    """Folders `Some_Name` with `Some_Name_0001.jpg`. Identities are hashes: no name leaves this class but in a path.

    Args:
        path: the folder of the people, or the one that holds `lfw-deepfunneled`.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        inner = [self.root / name for name in _LAYOUTS if (self.root / name).is_dir()]
        self._people = inner[0] if inner else self.root

    def part(self, part: Part) -> tuple[FacePhoto, ...]:
        """Return the photos of one of two sets of people that must never be mixed.

        Args:
            part: "train" for people with fewer than ten photos, "users" for those with ten or more.
        """
        return self.of_part(self.photos(), part)

    @staticmethod
    def of_part(photos: Iterable[FacePhoto], part: Part) -> tuple[FacePhoto, ...]:
        """Those of the whole set's photos that belong to one of the two sets of people.

        Args:
            photos: all photos of the set, in order.
            part: as of `part`.
        """
        listed = tuple(photos)
        count = Counter(photo.identity for photo in listed)
        return tuple(photo for photo in listed if (count[photo.identity] >= USERS_HAVE) == (part == "users"))

    def pairs(self, path: Path | None = None) -> VerificationPairs:
        """Return the verification pairs.

        Args:
            path: the official `pairs.txt`, or a `pairs.tsv` with the columns fold, same, name1, index1, name2, index2;
                None looks for either beside the photos.

        Raises:
            BadInputError: there is no such file, or a line of it is not a pair.
        """
        if path is None:
            folders = (self.root, self._people.absolute().parent)
            near = [folder / name for folder in folders for name in ("pairs.tsv", "pairs.txt")]
            path = next((file for file in near if file.is_file()), near[0])
        photos = {photo.key: photo for photo in self.photos()}
        pairs = []
        listed = _read_pairs(path)
        for fold, same, first, second in listed:
            if (a := photos.get(_key(*first))) and (b := photos.get(_key(*second))):
                pairs.append(VerificationPair(fold, same, a, b))
        return VerificationPairs(tuple(pairs), len(listed) - len(pairs))

    @classmethod
    def example(cls, folder: Path) -> LfwPhotos:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(
            folder, ["lfw/Ann_Doe/Ann_Doe_0001.jpg", "lfw/Ann_Doe/Ann_Doe_0002.jpg", "lfw/Bo_Roe/Bo_Roe_0001.jpg"]
        )
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        for folder in folders_in(self._people):
            name = printable(folder.name)
            number = re.compile(re.escape(name) + r"_([0-9]{4})")
            for path in images_in(folder):
                if match := number.fullmatch(printable(path.stem)):
                    yield FacePhoto(path, opaque(name), _key(name, int(match[1])))


Line = tuple[int, bool, tuple[str, int], tuple[str, int]]


def _key(name: str, index: int) -> str:
    return f"{opaque(name)}/{index:04d}"


def _read_pairs(path: Path) -> list[Line]:
    try:
        rows = [line.split("\t") for line in read_bounded(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{printable(path)}: no list of pairs: {error}", hint="give pairs.txt or pairs.tsv"
        ) from error
    try:
        if rows and rows[0][:2] == ["fold", "same"]:
            return [_tsv_line(cells) for cells in rows[1:]]
        # "10 <tab> 300" opens the official list: ten folds, each of 300 pairs of one person and then 300 of two
        folds, each = (int(cell) for cell in rows[0])
        if len(rows) - 1 != folds * each * 2:
            raise ValueError(f"{folds} folds of 2 x {each} announced, {len(rows) - 1} pairs found")
        return [_official_line(cells, fold=number // (2 * each)) for number, cells in enumerate(rows[1:])]
    except (ValueError, IndexError) as error:
        raise BadInputError(f"{printable(path)}: not a list of pairs: {error}", hint="copy the list again") from error


def _official_line(cells: list[str], *, fold: int) -> Line:
    if len(cells) == 3:
        return fold, True, (cells[0], int(cells[1])), (cells[0], int(cells[2]))
    if len(cells) == 4:
        return fold, False, (cells[0], int(cells[1])), (cells[2], int(cells[3]))
    raise ValueError(f"{len(cells)} columns in {cells[:6]}")


def _tsv_line(cells: list[str]) -> Line:
    if len(cells) != 6 or cells[1] not in ("0", "1"):
        raise ValueError(f"{cells[:6]}")
    return int(cells[0]), cells[1] == "1", (cells[2], int(cells[3])), (cells[4], int(cells[5]))
