"""Your embedder as an ONNX file with a card beside it; not differentiable."""

from __future__ import annotations

from pathlib import Path

from onnx import TensorProto, save
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.recognizers.parts.recognizer_file import RecognizerFile

_EXAMPLE_ENDS = (("x", ["n", 3, 112, 112]), ("y", ["n", 3, 1, 1]))


class OnnxRecognizer(RecognizerFile):
    """Runs an ONNX file with onnxruntime on the CPU; it is probed when it is loaded.

    The network sees (range x - mean) / std of the aligned crop, resampled to `size`. Layout, type and a fixed size are
    read from the file; of several outputs the card names one.

    Args:
        path: the ONNX file, with one input of pictures.
        card: default is the card file `NAME.json` beside `NAME.onnx`; its role is "recognizer" and its `settings` are
            those of `RecognizerSettings`. Its `sha256`, where it names the file, must agree; the card of the
            recognizer holds the hash of the file itself in any case.

    Raises:
        BadInputError: onnxruntime is not installed, a file is missing or no ONNX, or the card does not fit; with the
            word of the card to change.
    """

    artifact = "model.onnx"

    @classmethod
    def example(cls, folder: Path) -> OnnxRecognizer:
        """Return a tiny embedder, the mean of each color, whose file and card are written into a folder."""
        ends = [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in _EXAMPLE_ENDS]
        graph = make_graph([make_node("GlobalAveragePool", ["x"], ["y"])], "means", ends[:1], ends[1:])
        path = folder / "means.onnx"
        save(make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8), str(path))
        Card(
            name="onnx_file",
            summary="mean of each color",
            role="recognizer",
            licence="Apache-2.0",
            source="facewarden",
            training_data="none",
            intended_use="an example of the format",
            limits="recognizes no one",
            sha256={path.name: sha256(path)},
            settings={"size": 112, "order": "RGB", "layout": "NCHW", "mean": 127.5, "std": 127.5},
        ).write(path.with_suffix(".json"))
        return cls(path)


entry = OnnxRecognizer
