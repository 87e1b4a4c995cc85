"""An ONNX file as it is: its input and outputs, and the last functions of its graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.nn.exported.session import open_onnx
from facewarden.nn.foreign.graph import End, FileGraph, one_picture_input, plain_file

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""Types of an input of pictures that can be filled."""
_PASS = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Transpose", "Dropout", "QuantizeLinear",
         "DequantizeLinear"}  # fmt: skip
_ACTIVATIONS = {"Softmax", "Sigmoid", "LogSoftmax"}
_LONGEST_WALK = 64


class OnnxGraph(FileGraph):
    """An ONNX file that onnxruntime has opened on the CPU.

    Args:
        path: the file.

    Raises:
        BadInputError: onnxruntime is not installed, no ONNX file, or not one input of pictures.
    """

    kind = "ONNX"

    def __init__(self, path: Path) -> None:
        plain_file(path, ".onnx")
        self.path = path
        self.session = open_onnx(path)
        inputs = tuple(_end(one) for one in self.session.get_inputs())
        self.outputs = tuple(_end(one) for one in self.session.get_outputs())
        self.input = one_picture_input(path, inputs, self.outputs, possible=DTYPES)
        self.dtype = DTYPES[self.input.dtype]
        self.exact = 5e-3 if self.dtype is np.float16 else 1e-4

    def run(self, pictures: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Compute all outputs of an input in the file's own layout and type."""
        names = [one.name for one in self.outputs]
        found = self.session.run(names, {self.input.name: np.ascontiguousarray(pictures)})
        return dict(zip(names, map(np.asarray, found), strict=True))

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax, Sigmoid and LogSoftmax at the end of the graph before an output, the last first."""
        from onnx import load

        nodes = load(str(self.path), load_external_data=False).graph.node
        made_by = {name: node for node in nodes for name in node.output}
        found, name = [], output
        for _ in range(_LONGEST_WALK):
            node = made_by.get(name)
            if node is None or node.op_type not in _PASS | _ACTIVATIONS:
                break
            if node.op_type in _ACTIVATIONS:
                found.append(str(node.op_type))
            name = node.input[0]
        return tuple(found)


def _end(one: Any) -> End:
    shape = tuple(size if isinstance(size, int) and size > 0 else str(size or "?") for size in one.shape or ())
    return End(str(one.name), shape, str(one.type))
