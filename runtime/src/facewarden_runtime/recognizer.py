"""Embed faces as unit vectors, and compare two of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.align import SIDE, align_face
from facewarden_runtime.faces import FaceFinder, largest
from facewarden_runtime.folder import ExportError, ExportFolder, noise, open_folder, usable


class Recognizer:
    """An exported recognizer.

    Args:
        folder: of the export.
        finder: finds faces; None where aligned faces are always given.

    Raises:
        ExportError: an answer of the card's self-test differs.
    """

    def __init__(self, folder: ExportFolder, finder: FaceFinder | None) -> None:
        self.folder, self.finder = folder, finder
        self.input = folder.session.get_inputs()[0].name
        folder.check_answers(self._known)

    @property
    def match_threshold(self) -> float | None:
        """Cosine from which two photos are of one person; None where nobody has measured it."""
        stated = self.folder.card.get("match_threshold")
        return None if stated is None else float(stated)

    def embed_crop(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vector of an aligned face `(112, 112, 3)`."""
        return self._vector(np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / np.float32(255))

    def embed(self, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vector of the largest face of a photo.

        Raises:
            ExportError: no face, or no face finder.
        """
        if self.finder is None:
            raise ExportError(f"{self.folder.path}: no face_finder.onnx; facewarden fetch yunet, then export again")
        faces = self.finder.find(photo)
        if not faces:
            raise ExportError("no face found; give an upright photo of a face")
        return self.embed_crop(align_face(photo, largest(faces).landmarks))

    def _vector(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        raw = self.folder.run({self.input: given}).reshape(-1)
        length = np.linalg.norm(raw)
        if not length > 0:
            raise ExportError(f"{self.folder.path}: the model gives no vector for this picture; leave it out")
        found: NDArray[np.float32] = raw / length
        return found

    def _known(self, known: Mapping[str, Any]) -> float:
        one, other = (self._vector(noise(known[name], channels=3, side=SIDE)) for name in ("input", "other"))
        return float(one @ other)


def load_recognizer(folder: Path | str) -> Recognizer:
    """Open an exported recognizer.

    Raises:
        ExportError: no export of a recognizer, or a damaged one.
    """
    with usable(folder):
        opened = open_folder(folder, role="recognizer")
        return Recognizer(opened, FaceFinder(opened.finder) if opened.finder.is_file() else None)
