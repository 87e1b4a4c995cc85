"""What computes YuNet: OpenCV, or onnxruntime where it is installed and agrees, which is more than twice as fast."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

Engine = Literal["auto", "opencv", "onnxruntime"]
Rows = Float32[np.ndarray, "n 15"]
"""Of each face: x y width height, five points, confidence; as OpenCV gives them."""

_NMS_OVERLAP = 0.3
_MAX_FACES = 5000
_STRIDES = (8, 16, 32)
_SAME = 0.05
"""Pixels by which boxes and landmarks of both engines may differ; they differ by rounding, thousandths of a pixel."""
_PROBED = 0.6
"""Confidence at which both engines are compared; the face of the test picture has 0.89."""
_LOG = logging.getLogger("facewarden")


@runtime_checkable
class FaceRows(Protocol):
    """Finds faces in a picture."""

    def detect(self, picture: UInt8[np.ndarray, "h w 3"]) -> Rows:
        """Faces in a picture in the order blue, green, red."""


def face_rows(model: Path, *, threshold: float, engine: Engine = "auto") -> FaceRows:
    """Open YuNet in an engine.

    Args:
        model: the ONNX file of the 2023 release.
        threshold: least confidence.
        engine: "auto" takes onnxruntime where it is installed and gives the faces that OpenCV gives for a test picture,
            OpenCV elsewhere.

    Raises:
        BadInputError: onnxruntime is asked for and not installed.
    """
    if engine == "opencv":
        return OpenCvRows(model, threshold)
    try:
        fast = OnnxRows(model, threshold)
    except ImportError as error:
        if engine == "onnxruntime":
            raise BadInputError("onnxruntime is not installed", hint="pip install 'facewarden[onnx]'") from error
        return OpenCvRows(model, threshold)
    if engine == "auto" and not _agree(fast, OpenCvRows(model, _PROBED)):
        _LOG.warning("onnxruntime and OpenCV do not find the same faces here: OpenCV finds them")
        return OpenCvRows(model, threshold)
    return fast


class OpenCvRows:
    """YuNet by OpenCV's own class."""

    def __init__(self, model: Path, threshold: float) -> None:
        # OpenCV 5 warns at each creation that its new engine has no targets, which says nothing to our users.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(
                str(model), "", (320, 320), threshold, _NMS_OVERLAP, _MAX_FACES
            )
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, picture: UInt8[np.ndarray, "h w 3"]) -> Rows:
        """Faces in a picture."""
        self._detector.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = self._detector.detect(picture)
        return np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)


class OnnxRows:
    """YuNet by onnxruntime in one thread, decoded as OpenCV does.

    Args:
        model: the ONNX file; its input is fixed at 640 pixels there, which is made free.
        threshold: least confidence.
    """

    def __init__(self, model: Path, threshold: float) -> None:
        import onnx
        import onnxruntime

        graph = onnx.load(str(model))
        shape = graph.graph.input[0].type.tensor_type.shape
        shape.dim[2].dim_param, shape.dim[3].dim_param = "height", "width"
        for output in graph.graph.output:
            output.type.tensor_type.ClearField("shape")
        del graph.graph.value_info[:]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._names = [one.name for one in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name
        self.threshold = threshold

    def detect(self, picture: UInt8[np.ndarray, "h w 3"]) -> Rows:
        """Faces in a picture."""
        rows = self.candidates(picture, self.threshold)
        if not len(rows):
            return rows
        # OpenCV compares boxes cut to whole pixels
        boxes = [tuple(int(value) for value in row[:4]) for row in rows]
        kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), self.threshold, _NMS_OVERLAP, 1.0, _MAX_FACES)
        return rows[np.asarray(kept, dtype=np.int64).reshape(-1)]

    def candidates(self, picture: UInt8[np.ndarray, "h w 3"], threshold: float) -> Rows:
        """What the network says above a threshold, before overlaps are merged."""
        height, width = picture.shape[:2]
        down, across = -height % _STRIDES[-1], -width % _STRIDES[-1]
        padded = cv2.copyMakeBorder(picture, 0, down, 0, across, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        blob = np.ascontiguousarray(padded.transpose(2, 0, 1)[None].astype(np.float32))
        found = dict(zip(self._names, self._session.run(None, {self._input: blob}), strict=True))
        return np.concatenate(
            [self._decoded(found, stride, padded.shape[1] // stride, threshold) for stride in _STRIDES]
        )

    def _decoded(self, found: dict[str, NDArray[np.float32]], stride: int, across: int, threshold: float) -> Rows:
        said, there = (found[f"{kind}_{stride}"].reshape(-1).clip(0, 1) for kind in ("cls", "obj"))
        score = np.sqrt(said * there)
        rows = np.flatnonzero(score >= threshold)
        place = np.stack([rows % across, rows // across], axis=1).astype(np.float32)
        box = found[f"bbox_{stride}"].reshape(-1, 4)[rows]
        points = found[f"kps_{stride}"].reshape(-1, 5, 2)[rows]
        center, size = (place + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride
        points = (points + place[:, None]) * stride
        parts = (center - size / 2, size, points.reshape(-1, 10), score[rows, None])
        return np.concatenate(parts, axis=1).astype(np.float32)


def _agree(fast: OnnxRows, plain: OpenCvRows) -> bool:
    """Whether both find the same in a test picture: a crude face, and noise that is none."""
    picture = np.random.default_rng(0).integers(90, 110, (120, 152, 3), dtype=np.uint8)
    cv2.ellipse(picture, (70, 60), (34, 46), 0, 0, 360, (140, 165, 215), -1)
    for x in (57, 83):
        cv2.circle(picture, (x, 50), 5, (30, 30, 40), -1)
    cv2.line(picture, (70, 52), (70, 70), (110, 130, 180), 3)
    cv2.ellipse(picture, (70, 84), (13, 4), 0, 0, 360, (70, 70, 150), -1)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), dtype=np.uint8)
    one, other = fast.candidates(picture, _PROBED), plain.detect(picture)
    if not len(one) or not len(other):
        return False
    best = one[one[:, 14].argmax()], other[other[:, 14].argmax()]
    return bool(np.abs(best[0] - best[1]).max() <= _SAME)
