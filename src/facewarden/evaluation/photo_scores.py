"""Scores of single photos: which face was scored, and what a reader must know of the photo."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import choose_face
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import NO_SCORE, scores_of
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Aligner, Detector, FaceLocation
from facewarden.data.photo import is_colored, read_photo, why_unread
from facewarden.data.photo_files import FolderListing
from facewarden.data.text import printable
from facewarden.photos.reader import TINY

_LYING = 45.0
"""Degrees between the eyes and the horizontal from which a face does not stand upright."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PhotoScore:
    """What scoring one photo gave.

    Attributes:
        key: its name below the folder; bytes that are not UTF-8 show as `\\xff`.
        score: logit, higher = more bona fide; None where there is none, `skipped` says why.
        faces: how many faces were found; None where the photo was not looked at.
        box: x0 y0 x1 y1 in pixels of the upright photo, of the face that was scored.
        notes: what a reader must know of the photo.
        skipped: why there is no score; empty where there is one.
    """

    key: str
    score: float | None
    faces: int | None = None
    box: Box | None = None
    notes: tuple[str, ...] = ()
    skipped: str = ""


def score_photos(detector: Detector, listing: FolderListing, aligner: Aligner, *, base: Path) -> Iterator[PhotoScore]:
    """Score the largest face of every photo, in the listing's order.

    Args:
        detector: that reads color alone.
        listing: the photos.
        aligner: finds faces.
        base: keys are relative to it.
    """
    for path in track(listing.photos, label="scoring", unit="photos"):
        relative = path.relative_to(base).as_posix()
        key, notes = printable(relative), []
        if key != relative:
            notes.append("file name is not UTF-8, its bytes show as \\x")
        said: list[str] = []
        try:
            image = read_photo(path, on_note=said.append)
            found = aligner.locate(image)
        except BadInputError as error:
            yield PhotoScore(key, None, notes=tuple(notes), skipped=why_unread(path, error))
            continue
        notes += [_short(text, path) for text in said]
        if not found:
            yield PhotoScore(key, None, 0, notes=tuple(notes), skipped=_why_no_face(image, aligner))
            continue
        face = choose_face(found, size=(image.shape[1], image.shape[0]))
        notes += _notes(image, face, len(found))
        score = _score(detector, image, face, key)
        box: Box = face.box
        yield PhotoScore(key, score, len(found), box, tuple(notes), NO_SCORE if score is None else "")


def _score(detector: Detector, image: NDArray[np.uint8], face: FaceLocation, key: str) -> float | None:
    frame = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
    batch = FaceBatch(images={"rgb": frame}, key=(key,), box=torch.tensor([face.box], dtype=torch.float32))
    score = float(scores_of(detector, batch)[0])
    return score if math.isfinite(score) else None


def _notes(image: NDArray[np.uint8], face: FaceLocation, count: int) -> Iterator[str]:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = face.box
    if count > 1:
        yield "several faces, the largest is scored"
    if min(x1 - x0, y1 - y0) < TINY:
        yield f"the face is smaller than {TINY:.0f} pixels"
    if x0 < -1 or y0 < -1 or x1 > width + 1 or y1 > height + 1:
        yield "the face is cut by the edge of the photo"
    if abs(_roll(face)) > _LYING:
        yield "the face does not stand upright"
    if not is_colored(image):
        yield "the photo has no color"


def _roll(face: FaceLocation) -> float:
    """Degrees by which the line between the eyes leaves the horizontal."""
    (left_x, left_y), (right_x, right_y) = face.landmarks[:2]
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def _why_no_face(image: NDArray[np.uint8], aligner: Aligner) -> str:
    for quarter in (1, 3, 2):
        if aligner.locate(np.ascontiguousarray(np.rot90(image, quarter))):
            return f"no upright face: there is one when the photo is turned by {90 * quarter} degrees to the left"
    return "no face found"


def _short(text: str, path: Path) -> str:
    """A reader's note without the name of the file."""
    return text.removeprefix(f"{printable(path)}: ")
