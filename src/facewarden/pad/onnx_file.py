"""A detector as an ONNX file with a card beside it, yours or an exported one: onnx_file:PATH; not differentiable."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facewarden.core.card import Card
from facewarden.pad.parts.detector_file import DetectorFile


class OnnxDetector(DetectorFile):
    """Runs an ONNX file with onnxruntime on the CPU; it is probed when it is loaded.

    A file that `facewarden export` wrote gives a `facewarden.pad.parts.exported.ExportedDetector` instead. Of
    others layout, type and a fixed size are read from the file; of several outputs the card names one.

    Args:
        path: the ONNX file, with one input of pictures.
        card: default is the card file `NAME.json` beside `NAME.onnx`; its `settings` are those of `DetectorSettings`.
            Its `sha256`, where it names the file, must agree; the detector's card holds the hash of the file in any
            case.

    Raises:
        BadInputError: onnxruntime is not installed, a file is missing or no ONNX, or the card does not fit; with the
            word of the card to change.
    """

    artifact = "model.onnx"

    @classmethod
    def example(cls, folder: Path) -> OnnxDetector:
        """Return a tiny detector whose file and card are written into a folder."""
        from onnx import TensorProto, helper, numpy_helper, save

        weight = np.random.default_rng(0).normal(0, 0.01, (2, 3, 8, 8)).astype(np.float32)
        node = helper.make_node("Conv", ["image", "weight"], ["classes"], kernel_shape=[8, 8])
        images = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])
        classes = helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["n", 2, 1, 1])
        graph = helper.make_graph([node], "tiny", [images], [classes], [numpy_helper.from_array(weight, "weight")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        save(model, str(folder / "tiny.onnx"))
        Card(
            name="onnx_file",
            summary="A tiny random network",
            role="pad",
            licence="Apache-2.0",
            source="made here",
            training_data="none",
            intended_use="tests",
            limits="it has learned nothing",
            settings={"size": 8, "scale": 1.5},
        ).write(folder / "tiny.json")
        return cls(folder / "tiny.onnx")


entry = OnnxDetector
