"""Photos of one folder as a verb reads them: names, reasons why one cannot be used, and notes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, FaceLocation
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.text import printable

TINY = 32.0
"""Pixels; what is done to a smaller face is mostly gone when the face is enlarged, and so is the face."""
_LONGEST = 255 - len(".copy.png")
"""Bytes of a name, of the 255 that file systems allow."""
_ON_WHITE = "its transparent parts are laid on white"


class Unusable(Exception):
    """A photo that cannot be used; the message is the reason that is counted."""


class PhotoReader:
    """Reads photos below a folder and counts what is to be said of them.

    Args:
        base: names are relative to it.

    Attributes:
        base: the same.
        notes: what the person at the keyboard should know: sentence -> photos.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.notes: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count a remark about one photo."""
        self.notes[what] += 1

    def name(self, path: Path) -> str:
        """A photo's name in tables; bytes that are not UTF-8 show as `\\xff`, as everywhere.

        Raises:
            Unusable: it is that of another photo, or too long for the name of a result.
        """
        relative = self.relative(path)
        name = printable(relative)
        if name != relative and (self.base / name).exists():
            raise Unusable("file name that is not UTF-8, and another one looks the same in tables")
        if len(os.fsencode(path.name)) > _LONGEST:
            raise Unusable("file name too long for its result")
        return name

    def relative(self, path: Path) -> str:
        """A photo's path below the input, for that of its result: the same bytes, whether they are UTF-8 or not."""
        return path.relative_to(self.base).as_posix()

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Read a photo, and note what reading loses.

        Raises:
            Unusable: it cannot be read, or is too large.
        """
        said: list[str] = []
        try:
            photo = read_photo(path, on_note=said.append)
        except BadInputError as error:
            raise Unusable(why_unread(path, error)) from None
        for note in said:
            what = note.removeprefix(f"{printable(path.as_posix())}: ").removeprefix("its ").removeprefix("the ")
            self.notes[f"its {what}" if f"its {what}" != _ON_WHITE else "its transparent parts stay transparent"] += 1
        return photo

    def faces(self, photo: NDArray[np.uint8], finder: Aligner) -> tuple[FaceLocation, ...]:
        """Find the faces of a photo.

        Raises:
            Unusable: there is none.
        """
        try:
            located = tuple(finder.locate(photo))
        except BadInputError:
            located = ()
        if not located:
            raise Unusable("no face found")
        if min(face.box[2] - face.box[0] for face in located) < TINY:
            self.notes[f"has a face below {TINY:.0f} pixels, about which little is known"] += 1
        return located
