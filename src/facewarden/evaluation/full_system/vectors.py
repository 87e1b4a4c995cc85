"""Embeddings of captures: the face of each is cut out at its landmarks, or found, and given to a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import align_face, choose_face
from facewarden.core.compute.finite import NO_VECTOR, vectors_of
from facewarden.core.compute.stream import chunks, count_workers, stream
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_aligner
from facewarden.core.roles import Aligner, Recognizer
from facewarden.data.manifest import Manifest
from facewarden.data.reading import read_image
from facewarden.data.sample import NON_RESPONSE, Sample
from facewarden.data.text import named_file
from facewarden.photos.aligned import to_images

FINDER = "yunet"
NO_COLOR, NO_FACE = "no color image", "no face found"
_RUN = 4
_WORTH = 100
"""Captures below which one more process costs more than it gains."""


@dataclass(frozen=True, eq=False)
class CaptureFace:
    """The face of one capture.

    Attributes:
        key: of the capture.
        crop: `(112, 112, 3)` uint8, aligned; None where there is none.
        reason: why there is none.
    """

    key: str
    crop: NDArray[np.uint8] | None
    reason: str = ""


@dataclass(frozen=True)
class CropCaptures:
    """Cuts faces out of captures, in any process.

    Attributes:
        root: of the manifest.
    """

    root: Path

    def open(self) -> Callable[[Sequence[Sample]], Iterator[CaptureFace]]:
        """Make the function that gives the faces of some captures; the face finder is made when one is needed."""
        finder: list[Aligner] = []

        def faces(samples: Sequence[Sample]) -> Iterator[CaptureFace]:
            for sample in samples:
                yield self._one(sample, finder)

        return faces

    def _one(self, sample: Sample, finder: list[Aligner]) -> CaptureFace:
        if NON_RESPONSE in sample.extra:
            return CaptureFace(sample.key, None, sample.extra[NON_RESPONSE])
        if sample.rgb is None:
            return CaptureFace(sample.key, None, NO_COLOR)
        try:
            image = read_image(named_file(self.root, sample.rgb), "rgb")
        except BadInputError:
            return CaptureFace(sample.key, None, "unreadable capture")
        frame = np.asarray(image if image.dtype == np.uint8 else np.rint(image * 255), dtype=np.uint8)
        points = sample.landmarks
        if points is None:
            finder += [] if finder else [resolve_aligner(FINDER)]
            found = finder[0].locate(frame)
            if not found:
                return CaptureFace(sample.key, None, NO_FACE)
            points = choose_face(found, size=(frame.shape[1], frame.shape[0])).landmarks
        return CaptureFace(sample.key, align_face(frame, points))


@dataclass(frozen=True, eq=False)
class CaptureVectors:
    """Unit vectors of captures.

    Attributes:
        of: key -> `(d,)` float64.
        left_out: key -> why it has none.
    """

    of: dict[str, NDArray[np.float64]]
    left_out: dict[str, str]


def capture_vectors(recognizer: Recognizer, manifest: Manifest, *, batch: int = 32, workers: int = 1) -> CaptureVectors:
    """Embed the face that each capture shows.

    Args:
        recognizer: that embeds, in this process.
        manifest: the captures; landmarks of theirs are used, a face is looked for where there are none.
        batch: faces that go through the network together.
        workers: processes that read captures, all cores when 0; no vector depends on it.

    Raises:
        MissingAssetError: a capture without landmarks, and the face finder is not in the cache.
    """
    if any(one.landmarks is None and one.rgb is not None and NON_RESPONSE not in one.extra for one in manifest):
        resolve_aligner(FINDER)  # refused before anything is read
    held = CaptureVectors({}, {})
    faces = stream(
        CropCaptures(manifest.root), chunks(manifest, _RUN),
        workers=count_workers(workers, items=len(manifest), worth=_WORTH),
    )  # fmt: skip
    some: list[CaptureFace] = []
    for face in track(faces, label="comparing", total=len(manifest), unit="captures"):
        if face.crop is None:
            held.left_out[face.key] = face.reason
            continue
        some.append(face)
        if len(some) == batch:
            _embed(recognizer, some, held)
            some = []
    if some:
        _embed(recognizer, some, held)
    return held


def _embed(recognizer: Recognizer, faces: Sequence[CaptureFace], held: CaptureVectors) -> None:
    vectors = vectors_of(recognizer, to_images(np.stack([face.crop for face in faces if face.crop is not None])))
    for face, vector in zip(faces, vectors, strict=True):
        if bool(torch.isfinite(vector).all()):
            held.of[face.key] = vector.double().numpy()
        else:
            held.left_out[face.key] = NO_VECTOR
