"""Faces of photos: found in any thread, then purified, judged or embedded together in one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import align_face, choose_face
from facewarden.core.compute.finite import vectors_of
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_aligner
from facewarden.core.roles import Recognizer
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import CloakDetector, Suspicion
from facewarden.photos.purify_faces import FacesOfPhoto
from facewarden.photos.reader import TINY
from facewarden.service.models.pictures import NoPicture, read_color

NO_FACE = "no face found"
_MOST_FACES = 32
"""Faces of a photo that networks are given; a picture of a crowd must not hold up everybody else."""


@dataclass(frozen=True, eq=False)
class Located:
    """A photo with its faces.

    Attributes:
        photo: pixels and faces.
        notes: what a reader must know of it.
    """

    photo: FacesOfPhoto
    notes: tuple[str, ...]


class FaceFinder:
    """Reads photos and finds their faces, from several threads.

    Args:
        aligner: registry name.
    """

    def __init__(self, aligner: str) -> None:
        self._aligner = aligner
        self._own = threading.local()

    def locate(self, data: bytes) -> Located:
        """Read a photo and find its faces, largest first.

        Raises:
            NoPicture: it cannot be read, or shows no face.
        """
        pixels, notes = read_color(data)
        if not hasattr(self._own, "finder"):
            self._own.finder = resolve_aligner(self._aligner)
        finder: Any = self._own.finder
        try:
            found = sorted(finder.locate(pixels), key=lambda face: -(face.box[2] - face.box[0]))
        except BadInputError:
            found = []
        if not found:
            raise NoPicture(NO_FACE)
        said = list(notes)
        if len(found) > _MOST_FACES:
            said.append(f"{len(found)} faces, the largest {_MOST_FACES} are looked at")
        if min(face.box[2] - face.box[0] for face in found[:_MOST_FACES]) < TINY:
            said.append(f"has a face below {TINY:.0f} pixels, about which little is known")
        return Located(FacesOfPhoto(pixels, tuple(found[:_MOST_FACES])), tuple(said))

    def central(self, data: bytes) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """Read a photo and align its most central face, as verification does.

        Returns:
            `(112, 112, 3)`, and notes.

        Raises:
            NoPicture: it cannot be read, or shows no face.
        """
        found = self.locate(data)
        height, width = found.photo.pixels.shape[:2]
        face = choose_face(found.photo.faces, size=(width, height), several="most_central")
        several = ("several faces, the most central one is taken",) if len(found.photo.faces) > 1 else ()
        return align_face(found.photo.pixels, face.landmarks), (*found.notes, *several)


def suspicions(detector: CloakDetector, photos: Sequence[FacesOfPhoto]) -> list[list[Suspicion]]:
    """How likely every face of every photo is cloaked, and by which kind of cloak."""
    crops = to_images(np.concatenate([photo.crops() for photo in photos]))
    found = iter(detector.suspicions(crops))
    return [[next(found) for _ in photo.faces] for photo in photos]


def embedded(recognizer: Recognizer, crops: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
    """Unit vectors of aligned faces; NaN where the recognizer gave none."""
    with torch.inference_mode():
        vectors = vectors_of(recognizer, to_images(np.stack(crops)))
    return list(vectors.double().numpy())
