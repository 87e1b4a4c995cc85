"""CSU ScrapShots: 30 people in 173 gray yearbook portraits with eye positions, hard to tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from facewarden.assets import locate
from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, images_in
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.text import printable

_NAME = re.compile(r"([0-9]{5})[a-z]{2}")  # 00014ac: the third portrait of person 00014


class ScrapShots(Dataset):
    """Portraits `00014ac.pgm` in one folder; the five digits are the person.

    Args:
        path: the folder; None takes the fetched set.
    """

    summary = "CSU ScrapShots, 30 people in 173 gray portraits NNNNNxx.pgm; facewarden fetch scrapshots brings them"

    @classmethod
    def example(cls, folder: Path) -> ScrapShots:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["00001aa.pgm", "00001ab.pgm", "00002aa.pgm"])
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        for path in images_in(self.root):
            if match := _NAME.fullmatch(path.stem):
                yield FacePhoto(path, match[1], path.stem)

    def eyes(self) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
        """Return key -> (x, y) of the left and of the right eye as seen, in pixels, from `coords.txt`.

        Raises:
            BadInputError: the file is missing or holds something else.
        """
        path = self.root / "coords.txt"
        positions = {}
        try:
            for line in read_bounded(path, encoding="ascii").splitlines():
                key, *numbers = line.split()
                ax, ay, bx, by = map(float, numbers)
                left, right = sorted([(ax, ay), (bx, by)])
                positions[key] = (left, right)
        except (OSError, ValueError) as error:
            raise BadInputError(
                f"{printable(path)}: not a list of eye positions: {error}", hint="KEY x y x y in each line"
            ) from error
        return positions

    @classmethod
    def _default(cls) -> Path:
        return locate("scrapshots", "faces")


entry = ScrapShots
