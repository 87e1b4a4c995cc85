"""Throw-away set of photos: PERSON_NUMBER.png, as an example of the smallest file that works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facewarden.data.datasets.parts.base import Dataset, FacePhoto
from facewarden.data.datasets.parts.example import write_pictures


class ThrowAwayPhotos(Dataset):
    """Photos whose file names begin with the person.

    Args:
        path: the folder.
    """

    summary = "PERSON_NUMBER.png in one folder; throw_away_photos:PATH"

    @classmethod
    def example(cls, folder: Path) -> ThrowAwayPhotos:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["ann_1.png", "ann_2.png", "bob_1.png"])
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        for path in sorted(self.root.glob("*_*.png")):
            yield FacePhoto(path, path.stem.partition("_")[0], path.name)


entry = ThrowAwayPhotos
