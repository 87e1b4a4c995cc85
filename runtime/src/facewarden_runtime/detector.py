"""Presentation attack detection: a score, and the decision at the threshold of the export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.crops import cut_view
from facewarden_runtime.faces import Face, FaceFinder, largest
from facewarden_runtime.folder import ExportError, ExportFolder, noise, open_folder, usable

_CHANNELS: Mapping[str, int] = {"rgb": 3, "depth": 1, "infrared": 1}
_INSIDE, _SMALLEST_BOX, _LARGEST_BOX = 0.5, 8.0, 4
"""Share of a box that must lie in its frame, and its sides in pixels and in sides of the frame, as in captures."""


@dataclass(frozen=True)
class Decision:
    """What a detector says of a photo.

    Attributes:
        score: logit, higher = more bona fide.
        threshold: of the decision.
        accepted: whether the score is at least the threshold.
        box: of the face that was scored, x0 y0 x1 y1 in pixels.
        faces: how many were found.
    """

    score: float
    threshold: float
    accepted: bool
    box: tuple[float, float, float, float]
    faces: int


class Detector:
    """An exported detector.

    Args:
        folder: of the export.
        finder: finds faces; None where boxes are always given.

    Raises:
        ExportError: an answer of the card's self-test differs.
    """

    def __init__(self, folder: ExportFolder, finder: FaceFinder | None) -> None:
        self.folder, self.finder = folder, finder
        self.views: Sequence[Mapping[str, Any]] = folder.settings["views"]
        folder.check_answers(self._known)
        self.threshold = float(folder.rule["threshold"])
        """Scores from this one on are accepted as bona fide."""
        if not np.isfinite(self.threshold):
            raise ValueError(f"the threshold is {self.threshold}")

    def score(self, images: Mapping[str, NDArray[Any]], *, box: Sequence[float] | None = None) -> float:
        """Score one capture.

        Args:
            images: "rgb" `(h, w, 3)`, "depth" and "infrared" `(h, w)`; eight bits, or floats in [0, 1]. Sensors that
                may be absent can be left out.
            box: of the face, x0 y0 x1 y1 in pixels; None for a frame that is the face already.

        Raises:
            ExportError: a sensor or the box is missing, an image has another shape, or the box cannot be that of a face
                in these images.
        """
        there = {name: _frame(name, value) for name, value in images.items()}
        if box is not None:
            _check_box(box, there)
        elif self.folder.settings["needs_box"]:
            raise ExportError("this detector crops by the face box; score(images, box=...)")
        return self._scored(there, box)

    def _scored(self, there: Mapping[str, NDArray[np.float32]], box: Sequence[float] | None) -> float:
        settings = self.folder.settings
        needed = {view["modality"] for view in self.views} - set(settings["optional"])
        absent = sorted(needed - set(there))
        if absent or not there:
            raise ExportError(f"no image of {', '.join(absent) or 'any sensor'}; give images={{'rgb': photo}}")
        inputs: dict[str, NDArray[np.float32]] = {}
        for view in self.views:
            frame = there.get(view["modality"])
            size, channels = int(view["size"]), _CHANNELS[view["modality"]]
            blank = np.zeros((channels, size, size), np.float32)
            inputs[view["input"]] = (blank if frame is None else cut_view(frame, box, view))[None]
        if settings["present"]:
            mask = [float(name in there) for name in settings["sensors"]]
            inputs["present"] = np.array([mask], np.float32)
        return float(self.folder.run(inputs))

    def decide(self, photo: NDArray[np.uint8]) -> Decision:
        """Find the largest face of a photo, score it and decide.

        Args:
            photo: `(h, w, 3)` RGB.

        Raises:
            ExportError: no face, no face finder, or a detector that needs more than color.
        """
        if self.finder is None:
            raise ExportError(f"{self.folder.path}: no face_finder.onnx; facewarden fetch yunet, then export again")
        faces = self.finder.find(photo)
        if not faces:
            raise ExportError("no face found; give an upright photo of a face")
        face: Face = largest(faces)
        score = self._scored({"rgb": _frame("rgb", photo)}, face.box)
        return Decision(score, self.threshold, score >= self.threshold, face.box, len(faces))

    def _known(self, known: Mapping[str, Any]) -> float:
        inputs = {
            view["input"]: noise(known["input"], channels=_CHANNELS[view["modality"]], side=int(view["size"]))
            for view in self.views
        }
        if self.folder.settings["present"]:
            inputs["present"] = np.ones((1, len(self.folder.settings["sensors"])), np.float32)
        return float(self.folder.run(inputs))


def _frame(name: str, value: NDArray[Any]) -> NDArray[np.float32]:
    if name not in _CHANNELS:
        raise ExportError(f"unknown sensor {name!r}; one of {', '.join(_CHANNELS)}")
    image = value[..., None] if value.ndim == 2 else value
    if image.ndim != 3 or image.shape[2] != _CHANNELS[name]:
        raise ExportError(f"{name}: expected (h, w, {_CHANNELS[name]}), got {value.shape}; one frame at a time")
    unit = image.astype(np.float32) / np.float32(255) if image.dtype == np.uint8 else image.astype(np.float32)
    if not (unit.min() >= 0 and unit.max() <= 1):
        raise ExportError(f"{name}: floats must lie in [0, 1]; divide by 255")
    return np.ascontiguousarray(unit.transpose(2, 0, 1))


def _check_box(box: Sequence[float], frames: Mapping[str, NDArray[np.float32]]) -> None:
    x0, y0, x1, y1 = (float(value) for value in box)
    if not (np.isfinite([x0, y0, x1, y1]).all() and min(x1 - x0, y1 - y0) >= _SMALLEST_BOX):
        raise ExportError(f"the face box is smaller than {_SMALLEST_BOX:g} pixels; x0 y0 x1 y1, two corners")
    for name, frame in frames.items():
        height, width = frame.shape[-2:]
        within = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
        too_large = max(x1 - x0, y1 - y0) > _LARGEST_BOX * max(width, height)
        if within < _INSIDE * (x1 - x0) * (y1 - y0) or too_large:
            raise ExportError(
                f"the face box is not in the {name} frame of {width} x {height}; x0 y0 x1 y1 in pixels of this frame"
            )


def load_detector(folder: Path | str) -> Detector:
    """Open an exported detector.

    Raises:
        ExportError: no export of a detector, or a damaged one.
    """
    with usable(folder):
        opened = open_folder(folder, role="pad")
        return Detector(opened, FaceFinder(opened.finder) if opened.finder.is_file() else None)
