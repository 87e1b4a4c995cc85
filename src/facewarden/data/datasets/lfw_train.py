"""The people of Labeled Faces in the Wild from whom models here may learn: those with fewer than ten photos."""

from __future__ import annotations

from collections.abc import Iterator

from facewarden.data.datasets.parts.base import FacePhoto
from facewarden.data.datasets.parts.lfw_photos import LfwPhotos


class LfwTrain(LfwPhotos):
    """Labeled Faces in the Wild without the people of `lfw_users`, so that nobody is both learned from and tested on.

    Args:
        path: the folder of the people, or the one that holds `lfw-deepfunneled`.
    """

    summary = "Labeled Faces in the Wild, people with fewer than ten photos, to learn from; lfw_train:PATH"

    def _photos(self) -> Iterator[FacePhoto]:
        yield from self.of_part(super()._photos(), "train")


entry = LfwTrain
