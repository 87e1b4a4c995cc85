"""Labeled Faces in the Wild, deep-funneled: photos by person, and the verification pairs of the official ten folds."""

from __future__ import annotations

from facewarden.data.datasets.parts.lfw_photos import LfwPhotos


class Lfw(LfwPhotos):
    """Labeled Faces in the Wild, all people.

    Args:
        path: the folder of the people, or the one that holds `lfw-deepfunneled`.
    """

    summary = "Labeled Faces in the Wild, deep-funneled: a folder per person with NAME_0001.jpg …; lfw:PATH"


entry = Lfw
