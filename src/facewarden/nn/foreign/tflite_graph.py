"""A TFLite file as it is, run by LiteRT; integer inputs and outputs are scaled as the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.graph import End, FileGraph, one_picture_input, plain_file

_TYPES = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8, "int8": np.int8}
_FINAL = {"SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid", "LOG_SOFTMAX": "LogSoftmax"}
_PASS = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "CAST", "TRANSPOSE", "QUANTIZE"}
_LONGEST_WALK = 64


class TfliteGraph(FileGraph):
    """A TFLite file that LiteRT has opened on the CPU.

    A quantized input takes the same numbers as the network in floating point would: they are scaled to its integers
    here. An uint8 input without a scale takes gray levels.

    Args:
        path: the file.

    Raises:
        BadInputError: LiteRT is not installed, no TFLite file, or not one input of pictures.
    """

    kind = "TFLite"

    def __init__(self, path: Path) -> None:
        plain_file(path, ".tflite")
        self.path = path
        self._runner = _open(path)
        self._given = list(self._runner.get_input_details())
        self._made = list(self._runner.get_output_details())
        self.outputs = tuple(_end(one) for one in self._made)
        self.input = one_picture_input(path, tuple(map(_end, self._given)), self.outputs, possible=_TYPES)
        self._quantized = _scale(self._given[0])[0] > 0 and self.input.dtype in ("uint8", "int8")
        self.dtype = np.float32 if self._quantized else _TYPES[self.input.dtype]
        if self.dtype is np.int8:
            raise BadInputError(
                f"{path}: its int8 input has no scale", hint="export it with the scale of its input, or as float32"
            )
        if self._quantized:
            kind: Any = _TYPES[self.input.dtype]
            (scale, zero), bounds = _scale(self._given[0]), np.iinfo(kind)
            self.held = scale * (bounds.min - zero), scale * (bounds.max - zero)
        self.exact = 1e-4 if self.dtype is np.float32 and not self._quantized else 5e-3
        self._shape = tuple(int(side) for side in self._given[0]["shape"])

    def run(self, pictures: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Compute all outputs of an input in the file's own layout."""
        detail = self._given[0]
        if tuple(pictures.shape) != self._shape:
            self._runner.resize_tensor_input(detail["index"], list(pictures.shape), strict=True)
            self._runner.allocate_tensors()
            self._shape = tuple(pictures.shape)
        self._runner.set_tensor(detail["index"], np.ascontiguousarray(self._integers(pictures)))
        self._runner.invoke()
        return {one.name: self._numbers(detail) for one, detail in zip(self.outputs, self._made, strict=True)}

    def _integers(self, pictures: NDArray[Any]) -> NDArray[Any]:
        if not self._quantized:
            return pictures
        scale, zero = _scale(self._given[0])
        kind: Any = _TYPES[self.input.dtype]
        bounds: Any = np.iinfo(kind)
        levels = np.rint(pictures / scale + zero).clip(bounds.min, bounds.max)
        return levels.astype(kind)

    def _numbers(self, detail: Any) -> NDArray[Any]:
        found = np.array(self._runner.get_tensor(detail["index"]))
        scale, zero = _scale(detail)
        return (found.astype(np.float32) - zero) * np.float32(scale) if scale > 0 else found

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax, Sigmoid and LogSoftmax at the end of the graph before an output, the last first."""
        wanted = next((detail["index"] for detail in self._made if _end(detail).name == output), None)
        steps = [one for one in self._runner._get_ops_details() if one["op_name"] != "DELEGATE"]  # stands for others
        made_by = {index: one for one in steps for index in one["outputs"]}
        found: list[str] = []
        for _ in range(_LONGEST_WALK):
            one = made_by.get(wanted)
            if one is None or one["op_name"] not in (*_FINAL, *_PASS):
                break
            found += [_FINAL[one["op_name"]]] if one["op_name"] in _FINAL else []
            wanted = one["inputs"][0]
        return tuple(found)


def _scale(detail: Any) -> tuple[float, int]:
    """Scale and zero of a tensor of integers; a scale of 0 where it has none."""
    scale, zero = detail["quantization"]
    return float(scale), int(zero)


def _end(detail: Any) -> End:
    told = detail.get("shape_signature", detail["shape"])
    sides = [int(side) for side in (told if len(told) else detail["shape"])]
    shape = tuple(side if side > 0 else "?" for side in sides)
    return End(str(detail["name"]), shape, np.dtype(detail["dtype"]).name)


def _open(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise BadInputError(
            f"{path}: running a TFLite file needs LiteRT", hint="pip install 'facewarden[tflite]'"
        ) from error
    try:
        runner = Interpreter(model_path=str(path), num_threads=torch.get_num_threads())
        runner.allocate_tensors()
        return runner
    except Exception as error:  # LiteRT gives ValueError and RuntimeError for files that it cannot read
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInputError(f"{path}: not a TFLite file that can run: {told}", hint="convert it again") from error
