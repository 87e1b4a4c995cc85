"""An OpenVINO file as it is, run on the CPU in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.graph import End, FileGraph, one_picture_input, plain_file

_TYPES = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "u8": np.uint8}
_FINAL = {"SoftMax": "Softmax", "Softmax": "Softmax", "Sigmoid": "Sigmoid", "LogSoftmax": "LogSoftmax"}
_PASS = {"Result", "Reshape", "Squeeze", "Unsqueeze", "Convert", "Transpose"}
_LONGEST_WALK = 64


class OpenVinoGraph(FileGraph):
    """An OpenVINO IR that OpenVINO has compiled for the CPU.

    It computes in float32: OpenVINO takes bfloat16 on its own where a processor has it, which changes scores.

    Args:
        path: `NAME.xml`, with its weights `NAME.bin` beside it.

    Raises:
        BadInputError: openvino is not installed, no OpenVINO file, or not one input of pictures.
    """

    kind = "OpenVINO"

    def __init__(self, path: Path) -> None:
        plain_file(path, ".xml")
        self.path = path
        self._graph, self._model = _open(path)
        inputs = tuple(_end(one, number) for number, one in enumerate(self._graph.inputs))
        self.outputs = tuple(_end(one, number) for number, one in enumerate(self._graph.outputs))
        self.input = one_picture_input(path, inputs, self.outputs, possible=_TYPES)
        self.dtype = _TYPES[self.input.dtype]
        self.exact = 5e-3 if self.dtype is np.float16 else 1e-4

    def run(self, pictures: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Compute all outputs of an input in the file's own layout and type."""
        found = self._model([np.ascontiguousarray(pictures)])
        return {one.name: np.array(found[number]) for number, one in enumerate(self.outputs)}

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax, Sigmoid and LogSoftmax at the end of the graph before an output, the last first."""
        number = next((place for place, one in enumerate(self.outputs) if one.name == output), 0)
        node = self._graph.outputs[number].get_node()
        found: list[str] = []
        for _ in range(_LONGEST_WALK):
            kind = node.get_type_name()
            if kind not in (*_FINAL, *_PASS):
                break
            found += [_FINAL[kind]] if kind in _FINAL else []
            node = node.input_value(0).get_node()
        return tuple(found)


def _end(one: Any, number: int) -> End:
    names = sorted(one.get_names())
    sides = [-1 if side.is_dynamic else int(side.get_length()) for side in one.get_partial_shape()]
    shape = tuple(side if side > 0 else "?" for side in sides)
    return End(names[0] if names else str(number), shape, str(one.get_element_type().get_type_name()))


def _open(path: Path) -> tuple[Any, Any]:
    try:
        import openvino
    except ImportError as error:
        raise BadInputError(
            f"{path}: running an OpenVINO file needs openvino", hint="pip install 'facewarden[openvino]'"
        ) from error
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    try:
        core = openvino.Core()
        graph = core.read_model(str(path))
        return graph, core.compile_model(graph, "CPU", hints)
    except Exception as error:  # openvino's own types exist only where it is installed
        weights = path.with_suffix(".bin")
        lines = [line for line in str(error).splitlines() if line.strip()]  # the first ones name files of openvino
        told = lines[-1] if lines else type(error).__name__
        hint = f"copy {path.name} and {weights.name} again, or convert it again"
        if not weights.is_file():
            told, hint = f"its weights {weights.name} are not beside it ({told})", f"copy {weights.name} there"
        raise BadInputError(f"{path}: not an OpenVINO model that can run: {told}", hint=hint) from error
