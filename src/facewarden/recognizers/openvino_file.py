"""A recognizer as an OpenVINO file with a card beside it, yours or an exported one; not differentiable."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.recognizers.parts.recognizer_file import RecognizerFile


class OpenVinoRecognizer(RecognizerFile):
    """Runs an OpenVINO file on the CPU in float32, such as `facewarden export MODEL openvino` writes.

    Args:
        path: `NAME.xml`, with `NAME.bin` and the card `NAME.json` beside it.

    Raises:
        BadInputError: openvino is not installed, a file is missing or another one, or the card does not fit.
    """

    artifact = "model.xml"

    @classmethod
    def example(cls, folder: Path) -> OpenVinoRecognizer:
        """Return one that gives the mean of each color; its files are written into a folder.

        Raises:
            BadInputError: openvino is not installed.
        """
        import numpy as np
        import openvino
        from openvino import opset13 as ops

        image = ops.parameter([-1, 3, 112, 112], np.float32, name="image")
        means = ops.reduce_mean(image, ops.constant(np.array([2, 3], np.int64)))
        path = folder / "model.xml"
        openvino.save_model(openvino.Model([means], [image], "means"), str(path), compress_to_fp16=False)
        hashes = {one.name: sha256(one) for one in (path, path.with_suffix(".bin"))}
        Card(
            name="openvino_file", summary="The mean of each color", role="recognizer", licence="Apache-2.0",
            source="facewarden", training_data="none", intended_use="tests", limits="it has learned nothing",
            sha256=hashes, settings={"size": 112, "layout": "NCHW", "range": 1},
        ).write(path.with_suffix(".json"))  # fmt: skip
        return cls(path)


entry = OpenVinoRecognizer
