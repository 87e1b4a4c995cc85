"""Any folder of photos: one folder per person, also below split folders; a flat folder has one photo per person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, relative_key
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.photo_files import list_photos
from facewarden.data.text import printable

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation"})
"""Names of folders that split a set and are nobody's name."""

Place = tuple[Path, tuple[str, ...]]
"""A photo, and the names of its folders and itself below the set's."""


class Folder(Dataset):
    """Photos in `PERSON/anything.jpg`, to any depth below the person; or a flat folder.

    Recognized besides: folders of people below split folders (`train/PERSON`, `val/PERSON`: one person of one name,
    whatever the split), and folders of people one level too deep (`SET/PERSON` where SET is the only folder). A flat
    folder has no folders with photos in it: then every photo is its own person, named by the file's stem. Loose photos
    beside person folders are left out. All of it is said in `notes`.

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
        if _one_too_many(found):
            notes.append(f"people are the folders inside {printable(found[0][1][0])}")
            found = [(path, parts[1:]) for path, parts in found]
        self._loose = [path for path, parts in found if len(parts) == 1]
        inside = [(path, parts) for path, parts in found if len(parts) > 1]
        splits = list(dict.fromkeys(parts[0] for _, parts in inside if parts[0].lower() in SPLITS))
        if splits:
            self._check_split(inside, splits)
            names = ", ".join(map(printable, splits))
            notes.append(f"split folders {names}: people are the folders inside them, joined by name over the splits")
        self._people: dict[str, list[Path]] = {}
        for path, parts in inside:
            self._people.setdefault(printable(parts[1 if splits else 0]), []).append(path)
        if not self._people:
            notes.append("flat folder: every photo is taken as its own person, named by the file's stem")
        elif self._loose:
            notes.append(f"{len(self._loose)} loose photos beside the folders of people are left out")
        self.notes = (*notes, *(f"{count} x {what}" for what, count in listing.unread.items()))

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


def _one_too_many(found: Sequence[Place]) -> bool:
    """Whether everything lies in one folder of folders, so that people are a level deeper."""
    tops = {parts[0] for _, parts in found}
    if len(tops) != 1 or tops.pop().lower() in SPLITS:
        return False
    return all(len(parts) > 2 for _, parts in found) and len({parts[1] for _, parts in found}) > 1


entry = Folder
