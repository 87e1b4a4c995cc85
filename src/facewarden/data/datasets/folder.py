"""Any folder of photos: one folder per person, also below split folders; a flat folder has one photo per person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.alike_names import alike_words
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, folders_in, relative_key
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.photo_files import list_photos
from facewarden.data.sample_words import as_name
from facewarden.data.text import printable

SPLITS: Mapping[str, Split | None] = MappingProxyType({
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    **dict.fromkeys(("gallery", "probe", "probes", "query", "queries", "enrolled", "enrollment", "enrolment")),
})  # fmt: skip
"""Names of folders that divide a set and are nobody's name, and the split that each is; None for those of a search,
where the same people stand on both sides by intention."""
_WHAT = re.compile(r"[ _-]?(set|images?|imgs?|faces|photos?|pictures|data)$")

Place = tuple[Path, tuple[str, ...]]
"""A photo, and the names of its folders and itself below the set's."""


class Folder(Dataset):
    """Photos in `PERSON/anything.jpg`, to any depth below the person; or a flat folder.

    Recognized besides: folders of people below split folders (`train/PERSON`, `val/PERSON`, or `gallery/PERSON`,
    `probe/PERSON`: one person of one name, whatever the split), and folders of people one level too deep (`SET/PERSON`
    where SET is the only folder). A flat folder has no folders with photos in it: then every photo is its own person,
    named by the file's stem. Loose photos beside person folders are left out. All of it is said in `notes`.

    Args:
        path: the folder.

    Raises:
        BadInputError: split folders beside folders of people, so that it cannot be told who is a person.
    """

    summary = "one folder per person with photos in it, or a flat folder with one photo per person"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        listing = list_photos(self.root)
        found = [(path, path.relative_to(self.root).parts) for path in listing.photos]
        notes: list[str] = []
        within = self.root
        if _one_too_many(found):
            within = self.root / found[0][1][0]
            notes.append(f"people are the folders inside {printable(within.name)}")
            found = [(path, parts[1:]) for path, parts in found]
        self._loose = [path for path, parts in found if len(parts) == 1]
        inside = [(path, parts) for path, parts in found if len(parts) > 1]
        splits = list(dict.fromkeys(parts[0] for _, parts in inside if is_split(parts[0])))
        self._split_of: dict[Path, str] = {}
        if splits:
            self._check_split(inside, splits)
            names = ", ".join(map(printable, splits))
            notes.append(f"split folders {names}: people are the folders inside them, joined by name over the splits")
            self._split_of = {path: parts[0] for path, parts in inside}
            inside = [(path, parts[1:]) for path, parts in inside]
        self._within = [within / name for name in splits] or [within]
        self._people: dict[str, list[Path]] = {}
        for path, parts in inside:
            self._people.setdefault(as_name(printable(parts[0])), []).append(path)
        if not self._people:
            notes.append("flat folder: every photo is taken as its own person, named by the file's stem")
        elif self._loose:
            notes.append(f"{len(self._loose)} loose photos beside the folders of people are left out")
        notes += _deeper(inside)
        notes += [alike] if (alike := alike_words(self._people, what="People").removesuffix(".")) else []
        self.layout = tuple(notes)
        self.unread, self.others = dict(listing.unread), listing.others
        self.notes = (*notes, *(f"{count} x {what}" for what, count in listing.unread.items()))

    def split_of(self, photo: FacePhoto) -> Split | None:
        """The split of a photo, where split folders say it."""
        name = self._split_of.get(photo.path)
        return None if name is None else SPLITS[_split_word(name)]

    def empty(self) -> tuple[Path, ...]:
        """Folders that stand where those of people do and have no photo."""
        if not self._people:
            return ()
        tops = {top for paths in self._people.values() for path in paths for top in path.parents}
        return tuple(folder for parent in self._within for folder in folders_in(parent) if folder not in tops)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return printable(self.root.absolute().name)

    @property
    def understood(self) -> str:
        """How many people and photos the folder holds as it is read."""
        count = sum(map(len, self._people.values())) if self._people else len(self._loose)
        return f"{self.name}: {len(self._people) or count} people, {count} photos"

    @classmethod
    def example(cls, folder: Path) -> Folder:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["ann/1.png", "ann/2.png", "bob/1.png"])
        return cls(folder)

    def _check_split(self, inside: Sequence[Place], splits: Sequence[str]) -> None:
        others = [printable(name) for name in dict.fromkeys(parts[0] for _, parts in inside) if name not in splits]
        if others:
            raise BadInputError(
                f"{printable(self.root)}: split folders ({printable(splits[0])} …) beside other folders with "
                f"photos ({', '.join(others[:3])}{' …' if len(others) > 3 else ''}): who is a person?",
                hint="give one of them, or a folder that holds folders of people alone",
            )
        flat = next((printable(parts[0]) for _, parts in inside if len(parts) == 2), None)
        if flat is not None:
            raise BadInputError(
                f"{printable(self.root)}: photos lie directly in the split folder {flat}, not in folders of people",
                hint=f"{flat}/PERSON/photo.jpg, or give the folder of photos alone",
            )

    def _photos(self) -> Iterator[FacePhoto]:
        for person, found in self._people.items():
            for path in found:
                yield FacePhoto(path, person, relative_key(path, self.root))
        for path in () if self._people else self._loose:
            yield FacePhoto(path, printable(path.stem), relative_key(path, self.root))


def is_split(name: str) -> bool:
    """Whether a folder's name is that of a split, such as Train, val or test_images."""
    return _split_word(name) in SPLITS


def _split_word(name: str) -> str:
    return _WHAT.sub("", name.lower())


def _deeper(inside: Sequence[Place]) -> list[str]:
    """What must be known where every photo lies two folders deep, so that people could be the inner ones."""
    if not inside or any(len(parts) < 3 for _, parts in inside):
        return []
    outer = dict.fromkeys(printable(parts[0]) for _, parts in inside)
    inner = dict.fromkeys(printable(parts[1]) for _, parts in inside)
    return [
        f"every photo lies two folders deep: people are the {len(outer)} outer folders (first: {next(iter(outer))}), "
        f"not the {len(inner)} names inside them (first: {next(iter(inner))})"
    ]


def _one_too_many(found: Sequence[Place]) -> bool:
    """Whether everything lies in one folder of folders, so that people are a level deeper."""
    tops = {parts[0] for _, parts in found}
    if len(tops) != 1 or is_split(tops.pop()):
        return False
    return all(len(parts) > 2 for _, parts in found) and len({parts[1] for _, parts in found}) > 1


entry = Folder
