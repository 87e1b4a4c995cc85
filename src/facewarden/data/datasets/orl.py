"""ORL (AT&T) faces: 40 people with 10 gray photos of 92x112 pixels each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facewarden.assets import locate
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, folders_in, images_in
from facewarden.data.datasets.parts.example import write_pictures


class Orl(Dataset):
    """Folders `s1` to `s40` with `1.pgm` to `10.pgm`. Credit: AT&T Laboratories Cambridge.

    Args:
        path: the folder that holds `s1`, `s2` …; None takes the fetched set.
    """

    summary = "ORL (AT&T) faces, 40 people x 10 gray photos in folders s1 … s40; facewarden fetch orl brings them"

    @classmethod
    def example(cls, folder: Path) -> Orl:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["s1/1.pgm", "s1/2.pgm", "s2/1.pgm"])
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        for folder in folders_in(self.root):
            if folder.name[:1] == "s" and folder.name[1:].isdecimal():
                for path in images_in(folder):
                    yield FacePhoto(path, folder.name, f"{folder.name}/{path.stem}")

    @classmethod
    def _default(cls) -> Path:
        return locate("orl", "faces")


entry = Orl
