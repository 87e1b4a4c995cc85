"""A detector as an OpenVINO file with a card beside it, yours or an exported one: openvino_file:PATH; no gradients."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.roles import Detector
from facewarden.nn.exported.settings import SCORE, CropView, ExportedSettings
from facewarden.pad.parts.detector_file import DetectorFile


class OpenVinoDetector(DetectorFile):
    """Runs an OpenVINO file on the CPU in float32; it is probed when it is loaded.

    A file that `facewarden export MODEL openvino` wrote gives a `facewarden.pad.parts.exported.ExportedDetector`
    instead. Of others layout, type and a fixed size are read from the file; of several outputs the card names one.

    Args:
        path: `NAME.xml`, with `NAME.bin` and the card `NAME.json` beside it.

    Raises:
        BadInputError: openvino is not installed, a file is missing or another one, or the card does not fit; with the
            word of the card to change.
    """

    artifact = "model.xml"

    @classmethod
    def example(cls, folder: Path) -> Detector:
        """Return a detector that scores redness, whose files are written into a folder.

        Raises:
            BadInputError: openvino is not installed.
        """
        import numpy as np
        import openvino
        from openvino import opset13 as ops

        image = ops.parameter([1, 3, 16, 16], np.float32, name="rgb")
        weights = ops.constant(np.array([[4.0, -2.0, -2.0]], np.float32) / 256)
        sums = ops.reduce_sum(image, ops.constant(np.array([2, 3], np.int64)))
        score = ops.reshape(ops.matmul(sums, weights, False, True), ops.constant(np.array([1], np.int64)), False)
        image.get_output_tensor(0).set_names({"rgb"})
        score.get_output_tensor(0).set_names({SCORE})
        path = folder / "model.xml"
        openvino.save_model(openvino.Model([score], [image], "redness"), str(path), compress_to_fp16=False)
        view = CropView(input="rgb", modality="rgb", size=16, scale=1.2)
        Card(
            name="openvino_file",
            summary="How red the face is",
            role="pad",
            licence="Apache-2.0",
            source="made here",
            training_data="none",
            intended_use="tests",
            limits="it has learned nothing",
            sha256={one.name: sha256(one) for one in (path, path.with_suffix(".bin"))},
            settings=asdict(ExportedSettings(views=(view,))),
        ).write(path.with_suffix(".json"))
        return cls.open(path)


entry = OpenVinoDetector
