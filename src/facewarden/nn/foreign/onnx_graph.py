"""An ONNX file as it is: its input and outputs, and the last functions of its graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.settings import Layout

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""Types of an input of pictures that can be filled."""
_PASS = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Transpose", "Dropout"}
_ACTIVATIONS = {"Softmax", "Sigmoid", "LogSoftmax"}
_LONGEST_WALK = 64
_LARGEST_AXIS, _LARGEST_INPUT = 2048, 2**26  # of what a file fixes: pixels or pictures, and numbers in all

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class End:
    """An input or output of a file.

    Attributes:
        name: as the file calls it.
        shape: sizes; text for an axis that may have any.
        dtype: onnxruntime's word for the type.
    """

    name: str
    shape: Shape
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.shape))})"


class OnnxGraph:
    """An ONNX file that onnxruntime has opened on the CPU.

    Args:
        path: the file.

    Raises:
        BadInputError: onnxruntime is not installed, no ONNX file, or not one input of pictures.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInputError(f"{path}: no such file", hint="give an .onnx file")
        self.path = path
        self.session = _open(path)
        inputs = tuple(_end(one) for one in self.session.get_inputs())
        self.outputs = tuple(_end(one) for one in self.session.get_outputs())
        if len(inputs) != 1:
            raise BadInputError(
                f"{path}: has {len(inputs)} inputs: {'; '.join(map(str, inputs))}",
                hint="export it with one input, the pictures",
            )
        self.input = inputs[0]
        if self.input.dtype not in DTYPES:
            raise BadInputError(
                f"{path}: its input {self.input.name} is {self.input.dtype}; possible: {', '.join(DTYPES)}",
                hint="export it with a float32, float16 or uint8 input",
            )
        if not self.outputs:
            raise BadInputError(f"{path}: has no outputs", hint="export it with its scores, embedding or picture")
        fixed = [size for size in self.input.shape if isinstance(size, int)]
        if max(fixed, default=0) > _LARGEST_AXIS or math.prod(fixed) > _LARGEST_INPUT:
            raise BadInputError(
                f"{path}: its input {self.input} is larger than any batch of faces", hint="export it as (n, 3, h, w)"
            )
        if self.input.shape and len(self.input.shape) != 4:
            raise BadInputError(
                f"{path}: its input {self.input} is no batch of pictures", hint="export it as (n, 3, h, w)"
            )

    @property
    def dtype(self) -> Any:
        """Type of the input's numbers."""
        return DTYPES[self.input.dtype]

    @property
    def fixed_batch(self) -> int | None:
        """How many pictures the file takes, where it takes one number of them alone."""
        first = self.input.shape[0] if self.input.shape else None
        return first if isinstance(first, int) and first > 0 else None

    def layout(self) -> Layout | None:
        """Where the channels are; None where the shape of the input does not tell."""
        if not self.input.shape:
            return None
        front, back = (self.input.shape[axis] in (1, 3) for axis in (1, 3))
        if front == back:
            return None
        return "NCHW" if front else "NHWC"

    def channels(self, layout: Layout) -> int | None:
        """Number of channels that the file fixes."""
        return self._axis(1 if layout == "NCHW" else 3)

    def sides(self, layout: Layout) -> tuple[int | None, int | None]:
        """Height and width that the file fixes."""
        return (self._axis(2), self._axis(3)) if layout == "NCHW" else (self._axis(1), self._axis(2))

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

    def _axis(self, axis: int) -> int | None:
        size = self.input.shape[axis] if self.input.shape else None
        return size if isinstance(size, int) and size > 0 else None


def _end(one: Any) -> End:
    shape = tuple(size if isinstance(size, int) and size > 0 else str(size or "?") for size in one.shape or ())
    return End(str(one.name), shape, str(one.type))


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise BadInputError(
            f"{path}: running an ONNX file needs onnxruntime", hint="pip install 'facewarden[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own types exist only where it is installed
        raise BadInputError(f"{path}: not an ONNX file that can run: {error}", hint="export it again") from error
