"""Your purifier as an ONNX file with a card beside it; not differentiable."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.card import Card
from facewarden.purifiers.parts.purifier_file import PurifierFile


class OnnxPurifier(PurifierFile):
    """Runs an ONNX file with onnxruntime on the CPU; it is probed when it is loaded.

    Args:
        path: the ONNX file, with one input of pictures and a picture of the same size among its outputs.
        card: default is the card file `NAME.json` beside `NAME.onnx`; its role is "purifier" and its `settings` are
            those of `PurifierSettings`.

    Raises:
        BadInputError: onnxruntime is not installed, a file is missing or no ONNX, or the card does not fit; with the
            word of the card to change.
    """

    artifact = "model.onnx"

    @classmethod
    def example(cls, folder: Path) -> OnnxPurifier:
        """Return a blur of three pixels whose file and card are written into a folder."""
        from onnx import TensorProto, helper, save

        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
        node = helper.make_node(
            "AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0
        )
        graph = helper.make_graph([node], "blur", ends[:1], ends[1:])
        path = folder / "blur.onnx"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
        Card(
            name="onnx_file",
            summary="A blur of three pixels",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden",
            training_data="none",
            intended_use="an example of the format",
            limits="it only blurs",
            settings={"mean": 0, "std": 255, "output": "unit"},
        ).write(path.with_suffix(".json"))
        return cls(path)


entry = OnnxPurifier
