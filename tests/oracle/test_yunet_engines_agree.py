"""YuNet in onnxruntime, decoded here, finds what OpenCV's own class finds."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewarden.align.parts.yunet_engines import OnnxRows, OpenCvRows, face_rows
from facewarden.align.yunet import YuNet
from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.data.simulate.capture import CaptureSpec, make_capture
from facewarden.data.simulate.person.face import prepare
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.pose import sample_expression, sample_pose

FILE = "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="module")
def model(need_asset: Callable[[str], Path]) -> Path:
    pytest.importorskip("onnxruntime")
    folder = need_asset("yunet")
    return folder if folder.is_file() else folder / FILE


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Two drawn people in several sizes, side by side once, and noise."""
    found = []
    for number in range(2):
        draw = np.random.default_rng(number)
        face = prepare(sample_identity(derive(0, "identity", number)))
        maps = face.render(pose=sample_pose(draw), expression=sample_expression(draw))
        spec = CaptureSpec(f"{number}", f"{number}", "bona_fide", "alder", illumination="normal", seed=0, size=224)
        found.append(cv2.cvtColor(make_capture(spec, maps).rgb, cv2.COLOR_RGB2BGR))
    found.append(np.hstack(found))
    found += [cv2.resize(found[2], None, fx=scale, fy=scale) for scale in (0.31, 1.7)]
    return [*found, np.random.default_rng(0).integers(0, 256, (97, 130, 3), dtype=np.uint8)]


@pytest.mark.parametrize("threshold", [0.6, 0.05])
def test_rows_are_equal(model: Path, pictures: list[np.ndarray], threshold: float) -> None:
    fast, plain = OnnxRows(model, threshold), OpenCvRows(model, threshold)
    counts = []
    for picture in pictures:
        one, other = fast.detect(picture), plain.detect(picture)
        assert len(one) == len(other)
        counts.append(len(one))
        if len(one):
            assert np.abs(one - other).max() < 0.01  # pixels, and shares of confidence
    assert min(counts[:5]) >= 1
    assert counts[2] >= 2


def test_the_engine_is_chosen_and_fails_closed(
    model: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(face_rows(model, threshold=0.6), OnnxRows)
    assert isinstance(face_rows(model, threshold=0.95), OnnxRows)  # also where the test picture's face is too faint
    assert isinstance(face_rows(model, threshold=0.6, engine="opencv"), OpenCvRows)
    frame = cv2.cvtColor(pictures[0], cv2.COLOR_BGR2RGB)
    faces = [YuNet(engine=engine).locate(frame)[0] for engine in ("auto", "opencv")]
    assert np.abs(np.array(faces[0].landmarks) - faces[1].landmarks).max() < 0.01

    plain = OnnxRows.candidates
    with monkeypatch.context() as wrong:
        wrong.setattr(OnnxRows, "candidates", lambda self, *rest: plain(self, *rest) + 0.2)
        with caplog.at_level(logging.WARNING, "facewarden"):
            assert isinstance(face_rows(model, threshold=0.6), OpenCvRows)
        assert "OpenCV finds them" in caplog.text
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(face_rows(model, threshold=0.6), OpenCvRows)
    with pytest.raises(BadInputError, match="facewarden\\[onnx\\]"):
        face_rows(model, threshold=0.6, engine="onnxruntime")
