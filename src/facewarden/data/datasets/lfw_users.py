"""The people of Labeled Faces in the Wild on whom nothing here learns: those with ten photos or more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facewarden.data.datasets.parts.base import FacePhoto
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.datasets.parts.lfw_photos import USERS_HAVE, LfwPhotos


class LfwUsers(LfwPhotos):
    """Labeled Faces in the Wild without the people of `lfw_train`: to test on.

    Args:
        path: the folder of the people, or the one that holds `lfw-deepfunneled`.
    """

    summary = "Labeled Faces in the Wild, people with ten photos or more, to test on; lfw_users:PATH"

    @classmethod
    def example(cls, folder: Path) -> LfwUsers:
        """Return a tiny set whose files are written into a folder."""
        numbers, names = range(1, USERS_HAVE + 1), ("Ann_Doe", "Bo_Roe")
        photos = [f"lfw/{name}/{name}_{number:04d}.jpg" for name in names for number in numbers]
        write_pictures(folder, [*photos, "lfw/Cy_Poe/Cy_Poe_0001.jpg"])
        return cls(folder)

    def _photos(self) -> Iterator[FacePhoto]:
        yield from self.of_part(super()._photos(), "users")


entry = LfwUsers
