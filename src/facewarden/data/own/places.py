"""Where the photos of a person's own folders lie, and what the names of these folders say."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ATTACK
from facewarden.data.own.folder_words import FolderWord, folder_word
from facewarden.data.photo_files import photos_of
from facewarden.data.text import printable


@dataclass(frozen=True)
class Place:
    """A photo before it is understood.

    Attributes:
        path, key: as of `OwnPhoto`.
        parts, words: its folders below the common one, and what their names say.
        given: class of the folder that it was given in; None where the names of folders say it.
        depth: how many of the parts lead to that folder, itself among them.
    """

    path: Path
    key: str
    parts: tuple[str, ...]
    words: tuple[FolderWord, ...]
    given: int | None
    depth: int = 0

    @property
    def named_folder(self) -> str | None:
        """The folder that was given as one of attacks, where its name says nothing that is known."""
        if self.given != ATTACK or not self.depth or not self.words[self.depth - 1].silent:
            return None
        return self.parts[self.depth - 1]


def absolute(path: Path) -> Path:
    """The whole path, with links as they are: a photo is named by where it was given."""
    return Path(os.path.normpath(path.absolute()))


def common_folder(folders: Sequence[Path], *, one_set: bool) -> Path:
    """The folder below which all lie."""
    there = [absolute(path) for path in folders]
    for number, path in enumerate(there):
        if not path.is_dir():
            raise BadInputError(f"{printable(folders[number])}: no such folder", hint="give folders of photos")
        inside = [other for place, other in enumerate(there) if place != number and path.is_relative_to(other)]
        if inside:
            raise BadInputError(
                f"{printable(path)} lies in {printable(inside[0])}, which is given too",
                hint="give folders that hold no photos of each other",
            )
    if one_set:
        return there[0]
    return there[0].parent if len(there) == 1 else Path(os.path.commonpath([path.parent for path in there]))


def places_in(folders: Sequence[tuple[Path, int | None]], base: Path) -> tuple[list[Place], Counter[str]]:
    """Every photo below some folders, and how many files of which kind are no photos.

    Args:
        folders: each with the class that it was given as, None where the names of folders say it.
        base: the folder below which all lie.
    """
    places: list[Place] = []
    unread: Counter[str] = Counter()
    for folder, label in folders:
        listing = photos_of(folder)
        depth = 0 if label is None else len(absolute(folder).relative_to(base).parts)
        unread.update(listing.unread)
        for path in listing.photos:
            where = absolute(path).relative_to(base)
            parts = tuple(printable(part) for part in where.parts[:-1])
            words: list[FolderWord] = []
            for part in parts:
                inside = label == ATTACK or any(word.label == ATTACK for word in words)
                words.append(folder_word(part, in_attacks=inside))
            places.append(Place(path, printable(where.as_posix()), parts, tuple(words), label, depth))
    return places, unread


def numbered(places: Sequence[Place]) -> list[Place]:
    """Folders 0 and 1 are classes where no word says more, and all folders of one depth have these two names."""
    if any(word.label is not None or word.species for place in places for word in place.words):
        return list(places)
    for depth in range(max(len(place.parts) for place in places)):
        if {place.parts[depth] if depth < len(place.parts) else "" for place in places} == {"0", "1"}:
            return [
                Place(
                    place.path,
                    place.key,
                    place.parts,
                    tuple(
                        FolderWord(label=int(place.parts[depth])) if number == depth else word
                        for number, word in enumerate(place.words)
                    ),
                    None,
                )
                for place in places
            ]
    return list(places)
