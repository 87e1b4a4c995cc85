"""Remove cloak perturbations from the faces of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.align import SIDE, align_face
from facewarden_runtime.faces import FaceFinder
from facewarden_runtime.folder import ExportError, ExportFolder, noise, open_folder, usable
from facewarden_runtime.paste import paste_change

_SEAM = 4


class Purifier:
    """An exported purifier.

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

    def purify_crop(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Purify an aligned face `(112, 112, 3)`."""
        given = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        found = np.round(self.folder.run({self.input: given}) * 255)
        return np.ascontiguousarray(found.transpose(1, 2, 0)).astype(np.uint8)

    def purify(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Purify every face of a photo; pixels outside of the faces stay as they are, and gray photos gray.

        Args:
            photo: `(h, w, 3)` RGB.

        Raises:
            ExportError: no face, or no face finder.
        """
        if self.finder is None:
            raise ExportError(f"{self.folder.path}: no face_finder.onnx; facewarden fetch yunet, then export again")
        faces = self.finder.find(photo)
        if not faces:
            raise ExportError("no face found; give an upright photo of a face")
        gray = bool((photo == photo[..., :1]).all())
        pixels = photo
        for face in faces:
            crop = align_face(photo, face.landmarks)
            moved = (self.purify_crop(crop).astype(np.float32) - crop.astype(np.float32)) / np.float32(255)
            change = (moved * _border()).astype(np.float64)
            if gray:
                change = np.repeat(change.mean(axis=2, keepdims=True), 3, axis=2)
            limit = float(np.abs(change).max())
            pixels = paste_change(pixels, change, face.landmarks, limit=limit, original=photo)
        return np.repeat(pixels[..., :1], 3, axis=2) if gray else pixels

    def _known(self, known: Mapping[str, Any]) -> float:
        given = noise(known["input"], channels=3, side=SIDE)
        return float(np.abs(self.folder.run({self.input: given}) - given[0]).mean()) * 255


def _border() -> NDArray[np.float32]:
    """1 inside of the crop, falling to 0 at its border."""
    line = np.arange(float(SIDE), dtype=np.float32)
    ramp = np.minimum(np.minimum(line + 1, SIDE - line) / (_SEAM + 1), 1.0)
    return np.minimum(ramp[:, None], ramp[None, :])[..., None].astype(np.float32)


def load_purifier(folder: Path | str) -> Purifier:
    """Open an exported purifier.

    Raises:
        ExportError: no export of a purifier, or a damaged one.
    """
    with usable(folder):
        opened = open_folder(folder, role="purifier")
        return Purifier(opened, FaceFinder(opened.finder) if opened.finder.is_file() else None)
