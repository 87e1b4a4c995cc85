"""Policies for photos with no face or several faces; the caller chooses one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, FaceLocation

NoFace = Literal["error", "skip"]
Several = Literal["largest", "most_central", "error"]


def find_face(
    image: UInt8[np.ndarray, "h w 3"],
    aligner: Aligner,
    *,
    no_face: NoFace = "error",
    several: Several = "largest",
    name: str = "the photo",
) -> FaceLocation | None:
    """Find the one face of a photo that is used.

    Args:
        image: `(h, w, 3)` uint8 RGB photo.
        aligner: the face finder.
        no_face: "error" raises; "skip" returns None, for callers that count what they leave out.
        several: which of several faces to take: the largest box, the one nearest to the photo's center, or none.
        name: how error messages call the photo.

    Raises:
        BadInputError: no face with `no_face="error"`, or several with `several="error"`.
    """
    faces = aligner.locate(image)
    if not faces:
        if no_face == "skip":
            return None
        raise BadInputError(
            f"{name} shows no face", hint="leave it out, or choose another aligner: facewarden list align"
        )
    if len(faces) > 1 and several == "error":
        raise BadInputError(f"{name} shows {len(faces)} faces", hint="crop it to one, or take the largest")
    return choose_face(faces, size=(image.shape[1], image.shape[0]), several=several)


def choose_face(faces: Sequence[FaceLocation], *, size: tuple[int, int], several: Several = "largest") -> FaceLocation:
    """Choose one of the faces that were found in a photo.

    Args:
        faces: one at least.
        size: width and height of the photo.
        several: "most_central" takes the one nearest to the photo's center, anything else the largest box.
    """
    if several == "most_central":
        width, height = size
        return min(faces, key=lambda face: _distance(face, (width / 2, height / 2)))
    return max(faces, key=_area)


def _area(face: FaceLocation) -> float:
    x0, y0, x1, y1 = face.box
    return (x1 - x0) * (y1 - y0)


def _distance(face: FaceLocation, center: tuple[float, float]) -> float:
    x0, y0, x1, y1 = face.box
    return math.hypot((x0 + x1) / 2 - center[0], (y0 + y1) / 2 - center[1])
