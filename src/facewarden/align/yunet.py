"""YuNet face detector with five landmarks, run by onnxruntime or OpenCV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.align.parts.yunet_engines import Engine, face_rows
from facewarden.assets import locate
from facewarden.core.roles import Aligner, FaceLocation

_NMS_OVERLAP = 0.3
_TIGHT = 256
"""Pixels; photos whose longer side is at most this are often cut to the face, and get a black margin of a quarter."""
_SMALL = 240
"""Pixels with the margin; smaller photos are doubled."""
_EXACT_WIDTH = 256.0
"""Pixels; the landmarks of wider faces are several pixels off, and the widest are missed altogether."""
_LARGE = 4
"""Photos whose longer side is more than this many times `side` are also searched in tiles of twice `side`."""
_EDGE = 4.0
"""Pixels; a face that ends so near to the border of a tile may be cut by it."""


class YuNet(Aligner):
    """Finds faces of about 10 to 300 pixels; larger photos are reduced first, and the boxes are scaled back.

    In very large photos small faces would vanish by that: they are searched a second time in overlapping tiles that are
    reduced by two only, and what is found twice is merged.

    Args:
        threshold: least confidence in [0, 1]. At 0.6 every one of the 400 ORL and 173 ScrapShots faces is found.
            Small photos get a margin and very small ones are doubled first, which lowers the verification error on ORL.
        side: the photo's longer side in pixels is reduced to this before the search. When nothing is found, or a face
            wider than the network is exact for, the search is repeated at half of it.
        engine: opencv or onnxruntime, whose boxes differ by thousandths of a pixel; auto takes the faster one where it
            is installed and finds the same in a test picture.

    Raises:
        MissingAssetError: the weights are not fetched.

    Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", MIR 2023; weights of the 2023 release.
    """

    def __init__(self, *, threshold: float = 0.6, side: int = 640, engine: Engine = "auto") -> None:
        model = locate("yunet", "face_detection_yunet_2023mar.onnx")
        self.threshold = threshold
        self.side = side
        self._rows = face_rows(model, threshold=threshold, engine=engine)

    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        """Find faces in an `(h, w, 3)` RGB photo, best first; an empty tuple when there is none."""
        height, width = image.shape[:2]
        longer = max(height, width)
        if longer > _LARGE * self.side:
            return merged([*self._find(image), *self._in_tiles(image)])
        if longer > _TIGHT:
            return self._find(image)
        margin = longer // 4
        padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
        moved = (_moved(face, margin, width, height) for face in self._find(padded))
        return tuple(face for face in moved if _width(face) > 0 and face.box[1] < face.box[3])

    def _in_tiles(self, image: NDArray[np.uint8]) -> Iterator[FaceLocation]:
        """Faces that lie whole in a tile; those wider than the overlap need not, and are seen in the whole photo."""
        height, width = image.shape[:2]
        tile = 2 * self.side
        for top in _starts(height, tile):
            for left in _starts(width, tile):
                view = image[top : top + tile, left : left + tile]
                for face in self._search(view, self.side / tile):
                    x0, y0, x1, y1 = face.box
                    cut = (
                        (left > 0 and x0 < _EDGE)
                        or (top > 0 and y0 < _EDGE)
                        or (left + tile < width and x1 > tile - _EDGE)
                        or (top + tile < height and y1 > tile - _EDGE)
                    )
                    if not cut and max(x1 - x0, y1 - y0) <= tile / 4:
                        points = tuple((x + left, y + top) for x, y in face.landmarks)
                        yield FaceLocation((x0 + left, y0 + top, x1 + left, y1 + top), points, face.score)

    def _find(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        longer = max(image.shape[:2])
        scale = min(2.0 if longer <= _SMALL else 1.0, self.side / longer)
        faces = self._search(image, scale)
        if faces and all(_width(face) * scale <= _EXACT_WIDTH for face in faces):
            return faces
        coarse = self._search(image, scale / 2) if longer * scale > self.side / 4 else ()
        if not faces:
            return coarse
        return tuple(_nearest(face, coarse) if _width(face) * scale > _EXACT_WIDTH else face for face in faces)

    def _search(self, image: NDArray[np.uint8], scale: float) -> tuple[FaceLocation, ...]:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        view = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if (height, width) != image.shape[:2]:
            view = cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA)
        rows = self._rows.detect(view)
        ratio = np.array([image.shape[1] / width, image.shape[0] / height])
        return tuple(_location(row, ratio) for row in sorted(rows, key=lambda row: -row[14]))


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along a side: evenly, each overlapping the next by a quarter of a tile or more."""
    if length <= tile:
        return [0]
    count = 1 + math.ceil((length - tile) / (0.75 * tile))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def merged(faces: Sequence[FaceLocation]) -> tuple[FaceLocation, ...]:
    """Best first; of faces whose boxes overlap, the best."""
    boxes = [(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in (face.box for face in faces)]
    kept = cv2.dnn.NMSBoxes(boxes, [face.score for face in faces], 0.0, _NMS_OVERLAP)
    return tuple(faces[int(row)] for row in kept)


def _moved(face: FaceLocation, margin: int, width: int, height: int) -> FaceLocation:
    x0, y0, x1, y1 = (value - margin for value in face.box)
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    return FaceLocation(box, tuple((x - margin, y - margin) for x, y in face.landmarks), face.score)


def _width(face: FaceLocation) -> float:
    return face.box[2] - face.box[0]


def _nearest(face: FaceLocation, others: tuple[FaceLocation, ...]) -> FaceLocation:
    """Return the one of `others` whose box lies within a quarter of the face's width, or the face itself."""
    box = np.array(face.box)
    near = [other for other in others if np.abs(np.array(other.box) - box).max() < _width(face) / 4]
    return min(near, key=lambda other: float(np.abs(np.array(other.box) - box).max()), default=face)


def _location(row: NDArray[np.float32], ratio: NDArray[np.float64]) -> FaceLocation:
    # A row is x y width height, five points (the person's right eye first, which is the left one as seen), confidence.
    x, y, width, height = row[:4].astype(np.float64) * np.tile(ratio, 2)
    points = row[4:14].astype(np.float64).reshape(5, 2) * ratio
    return FaceLocation(
        box=(float(x), float(y), float(x + width), float(y + height)),
        landmarks=tuple((float(px), float(py)) for px, py in points),
        score=float(row[14]),
    )


entry = YuNet
