"""Any folder of photos: one folder per person; in a flat folder each file name is a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facewarden.data.datasets.parts.base import Dataset, FacePhoto, folders_in, images_below, images_in, relative_key
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.text import printable


class Folder(Dataset):
    """Photos in `PERSON/anything.jpg`, to any depth below the person; or a flat folder.

    A flat folder has no folders with photos in it: then every photo is its own person, named by the file's stem. Loose
    photos beside person folders are left out. Either is said in `notes`.

    Args:
        path: the folder.
    """

    summary = "one folder per person with photos in it, or a flat folder with one photo per person"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        self._people = {folder: found for folder in folders_in(self.root) if (found := images_below(folder))}
        self._loose = images_in(self.root)
        if not self._people:
            self.notes = ("flat folder: every photo is taken as its own person, named by the file's stem",)
        elif self._loose:
            self.notes = (f"{len(self._loose)} loose photos beside the folders of people are left out",)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return printable(self.root.absolute().name)

    @classmethod
    def example(cls, folder: Path) -> Folder:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["ann/1.png", "ann/2.png", "bob/1.png"])
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        for folder, found in self._people.items():
            for path in found:
                yield FacePhoto(path, printable(folder.name), relative_key(path, self.root))
        for path in () if self._people else self._loose:
            yield FacePhoto(path, printable(path.stem), relative_key(path, self.root))


entry = Folder
