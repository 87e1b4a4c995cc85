"""Any folder of photos: one folder per person, also below split folders; a flat folder has one photo per person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, folders_in, images_below, images_in, relative_key
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.photo_files import list_photos
from facewarden.data.text import printable

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation"})
"""Names of folders that split a set and are nobody's name."""


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
        notes: list[str] = []
        start = _inner(self.root)
        if start != self.root:
            notes.append(f"people are the folders inside {printable(start.relative_to(self.root).as_posix())}")
        people = {folder: found for folder in _real_folders(start) if (found := images_below(folder))}
        splits = [folder for folder in people if folder.name.lower() in SPLITS]
        self._people: dict[str, list[Path]] = {}
        if splits:
            self._check_split(people, splits)
            for folder in splits:
                for person in _real_folders(folder):
                    if found := images_below(person):
                        self._people.setdefault(printable(person.name), []).extend(found)
            names = ", ".join(printable(folder.name) for folder in splits)
            notes.append(f"split folders {names}: people are the folders inside them, joined by name over the splits")
        else:
            self._people = {printable(folder.name): found for folder, found in people.items()}
        self._loose = images_in(start)
        if not self._people:
            notes.append("flat folder: every photo is taken as its own person, named by the file's stem")
        elif self._loose:
            notes.append(f"{len(self._loose)} loose photos beside the folders of people are left out")
        notes += [f"{count} x {what}" for what, count in list_photos(self.root).unread.items()]
        self.notes = tuple(notes)

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

    def _check_split(self, people: Mapping[Path, list[Path]], splits: list[Path]) -> None:
        others = [printable(folder.name) for folder in people if folder not in splits]
        if others:
            raise BadInputError(
                f"{printable(self.root)}: split folders ({printable(splits[0].name)} …) beside other folders with "
                f"photos ({', '.join(others[:3])}{' …' if len(others) > 3 else ''}): who is a person?",
                hint="give one of them, or a folder that holds folders of people alone",
            )
        flat = [printable(folder.name) for folder in splits if images_in(folder)]
        if flat:
            raise BadInputError(
                f"{printable(self.root)}: photos lie directly in the split folder {flat[0]}, not in folders of people",
                hint=f"{flat[0]}/PERSON/photo.jpg, or give the folder of photos alone",
            )

    def _photos(self) -> Iterator[FacePhoto]:
        for person, found in self._people.items():
            for path in found:
                yield FacePhoto(path, person, relative_key(path, self.root))
        for path in () if self._people else self._loose:
            yield FacePhoto(path, printable(path.stem), relative_key(path, self.root))


def _real_folders(root: Path) -> list[Path]:
    """Folders of a folder; links to folders are not followed anywhere in the walk, and counted there."""
    return [folder for folder in folders_in(root) if not folder.is_symlink()]


def _inner(root: Path) -> Path:
    """The folder whose folders are people: a level deeper where everything lies in one folder of folders."""
    folders = [folder for folder in _real_folders(root) if images_below(folder)]
    if len(folders) != 1 or images_in(root) or images_in(folders[0]) or folders[0].name.lower() in SPLITS:
        return root
    deeper = [folder for folder in _real_folders(folders[0]) if images_below(folder)]
    return folders[0] if len(deeper) > 1 else root


entry = Folder
