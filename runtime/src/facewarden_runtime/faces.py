"""Find faces with five landmarks by YuNet, searching as `facewarden.align.yunet` does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.folder import ExportError

_OVERLAP, _MOST = 0.3, 5000
_TIGHT, _SMALL, _EXACT, _LARGE, _EDGE = 256, 240, 256.0, 4, 4.0


@dataclass(frozen=True)
class Face:
    """Where a face is.

    Attributes:
        box: x0 y0 x1 y1 in pixels.
        landmarks: left eye, right eye, nose tip, left and right mouth corner, as seen.
        score: the finder's confidence.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float


class FaceFinder:
    """Finds faces of about 10 to 300 pixels; larger photos are reduced first.

    Args:
        model: `face_detection_yunet_2023mar.onnx`; an export has it as `face_finder.onnx`.
        threshold: least confidence.
        side: the longer side of a photo is reduced to this.

    Raises:
        ExportError: the file is no face finder.
    """

    def __init__(self, model: Path | str, *, threshold: float = 0.6, side: int = 640) -> None:
        import cv2

        self.side = side
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(str(model), "", (side, side), threshold, _OVERLAP, _MOST)
        except cv2.error as error:
            raise ExportError(f"{model}: no face finder can be read; export the model again") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def find(self, photo: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Faces of an `(h, w, 3)` RGB photo, best first."""
        height, width = photo.shape[:2]
        longer = max(height, width)
        if longer > _LARGE * self.side:
            return _merged([*self._find(photo), *self._in_tiles(photo)])
        if longer > _TIGHT:
            return self._find(photo)
        margin = longer // 4
        padded = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)))
        moved = (_moved(face, margin, width, height) for face in self._find(padded))
        return tuple(face for face in moved if _width(face) > 0 and face.box[1] < face.box[3])

    def _in_tiles(self, photo: NDArray[np.uint8]) -> Iterator[Face]:
        height, width = photo.shape[:2]
        tile = 2 * self.side
        for top in _starts(height, tile):
            for left in _starts(width, tile):
                for face in self._search(photo[top : top + tile, left : left + tile], self.side / tile):
                    x0, y0, x1, y1 = face.box
                    cut = (left > 0 and x0 < _EDGE) or (top > 0 and y0 < _EDGE)
                    cut = cut or (left + tile < width and x1 > tile - _EDGE)
                    cut = cut or (top + tile < height and y1 > tile - _EDGE)
                    if not cut and max(x1 - x0, y1 - y0) <= tile / 4:
                        points = tuple((x + left, y + top) for x, y in face.landmarks)
                        yield Face((x0 + left, y0 + top, x1 + left, y1 + top), points, face.score)

    def _find(self, photo: NDArray[np.uint8]) -> tuple[Face, ...]:
        longer = max(photo.shape[:2])
        scale = min(2.0 if longer <= _SMALL else 1.0, self.side / longer)
        faces = self._search(photo, scale)
        if faces and all(_width(face) * scale <= _EXACT for face in faces):
            return faces
        coarse = self._search(photo, scale / 2) if longer * scale > self.side / 4 else ()
        if not faces:
            return coarse
        return tuple(_nearest(face, coarse) if _width(face) * scale > _EXACT else face for face in faces)

    def _search(self, photo: NDArray[np.uint8], scale: float) -> tuple[Face, ...]:
        import cv2

        height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
        view = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2BGR)
        if (height, width) != photo.shape[:2]:
            view = cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA)
        self._detector.setInputSize((width, height))
        _, rows = self._detector.detect(view)
        if rows is None:
            return ()
        ratio = np.array([photo.shape[1] / width, photo.shape[0] / height])
        return tuple(_face(row, ratio) for row in sorted(rows, key=lambda row: -row[14]))


def largest(faces: Sequence[Face]) -> Face:
    """The face with the largest box."""
    return max(faces, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    count = 1 + math.ceil((length - tile) / (0.75 * tile))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def _merged(faces: Sequence[Face]) -> tuple[Face, ...]:
    import cv2

    boxes = [(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in (face.box for face in faces)]
    kept = cv2.dnn.NMSBoxes(boxes, [face.score for face in faces], 0.0, _OVERLAP)
    return tuple(faces[int(row)] for row in kept)


def _moved(face: Face, margin: int, width: int, height: int) -> Face:
    x0, y0, x1, y1 = (value - margin for value in face.box)
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    return Face(box, tuple((x - margin, y - margin) for x, y in face.landmarks), face.score)


def _width(face: Face) -> float:
    return face.box[2] - face.box[0]


def _nearest(face: Face, others: tuple[Face, ...]) -> Face:
    box = np.array(face.box)
    near = [other for other in others if np.abs(np.array(other.box) - box).max() < _width(face) / 4]
    return min(near, key=lambda other: float(np.abs(np.array(other.box) - box).max()), default=face)


def _face(row: NDArray[np.float32], ratio: NDArray[np.float64]) -> Face:
    x, y, width, height = (float(value) for value in row[:4].astype(np.float64) * np.tile(ratio, 2))
    points = row[4:14].astype(np.float64).reshape(5, 2) * ratio
    return Face((x, y, x + width, y + height), tuple((float(px), float(py)) for px, py in points), float(row[14]))
