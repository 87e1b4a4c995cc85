"""Read photos, find the face that is used and cut it out: in worker processes, in the order of the photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray

from facewarden.align import align_face, choose_face
from facewarden.align.parts.choose import Several
from facewarden.core.compute.stream import chunks, count_workers, stream
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_aligner
from facewarden.core.roles import Aligner, FaceLocation
from facewarden.data.photo import read_photo, why_unread

_RUN = 4
"""Photos that a process is given at a time."""
_WORTH = 100
"""Photos below which one more process costs more than it gains: a photo takes a hundredth of a second."""


@dataclass(frozen=True, eq=False)
class PhotoFace:
    """What looking for the face of one photo gave.

    Attributes:
        face: the one that is used; None where there is none.
        count: how many were found.
        crop: `(112, 112, 3)` uint8, aligned; None where none was asked for.
        unread: why the photo cannot be read, as a reason that is counted; empty where it can.
        refused: what the aligner said of a photo that it does not take.
        notes: sentences on what reading lost.
    """

    face: FaceLocation | None = None
    count: int = 0
    crop: UInt8[ndarray, "112 112 3"] | None = None
    unread: str = ""
    refused: BadInputError | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FindJob:
    """What a worker needs.

    Attributes:
        aligner: the face finder, by its name where other processes are to make it too.
        several: which of several faces is used.
        crops: whether it is cut out.
    """

    aligner: str | Aligner
    several: Several = "largest"
    crops: bool = True

    def open(self) -> FindFaces:
        """Make the face finder."""
        finder = self.aligner if isinstance(self.aligner, Aligner) else resolve_aligner(self.aligner)
        return FindFaces(finder, self.several, self.crops)


@dataclass(frozen=True, eq=False)
class FindFaces:
    """Finds the faces of some photos.

    Attributes:
        aligner: the face finder.
        several, crops: as in `FindJob`.
    """

    aligner: Aligner
    several: Several
    crops: bool

    def __call__(self, paths: Sequence[Path]) -> Iterator[PhotoFace]:
        """Look at photos, one after the other."""
        for path in paths:
            yield self._one(path)

    def _one(self, path: Path) -> PhotoFace:
        said: list[str] = []
        try:
            image = read_photo(path, on_note=said.append)
        except BadInputError as error:
            return PhotoFace(unread=why_unread(path, error))
        try:
            found = self.aligner.locate(image)
        except BadInputError as error:
            return PhotoFace(refused=error, notes=tuple(said))
        if not found:
            return PhotoFace(notes=tuple(said))
        face = choose_face(found, size=(image.shape[1], image.shape[0]), several=self.several)
        crop = align_face(image, face.landmarks) if self.crops else None
        return PhotoFace(face, len(found), crop, notes=tuple(said))


def find_faces(paths: Sequence[Path], job: FindJob, *, workers: int = 0) -> Iterator[PhotoFace]:
    """Look at photos, in their order.

    Args:
        paths: of the photos.
        job: what is done.
        workers: processes, each with one thread; all cores when 0. The result does not depend on it.
    """
    count = count_workers(workers, items=len(paths), worth=_WORTH) if isinstance(job.aligner, str) else 1
    yield from stream(job, chunks(paths, _RUN), workers=count)
