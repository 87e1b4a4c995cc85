"""A tiny TFLite file, written byte by byte: the example of the entries that read such files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_bytes, write_text

_FLOAT, _INT, _UINT8 = 0, 2, 3  # words of the schema for types


def write_tiny(
    path: Path,
    *,
    side: int = 16,
    classes: int = 2,
    softmax: bool = False,
    quantized: tuple[float, int] | None = None,
    weights: NDArray[np.float32] | None = None,
    card: Mapping[str, Any],
) -> Path:
    """Write a network of the mean color, or with no classes one that darkens a picture, and its card.

    Args:
        path: the .tflite to write; the card goes beside it.
        side: of its input (n, side, side, 3).
        classes: values a picture; 0 for a picture.
        softmax: end with a softmax.
        quantized: scale and zero of an uint8 input, which is dequantized first; None for a float input.
        weights: `(classes, 3)` on the means.
        card: JSON.

    Raises:
        BadInputError: LiteRT, whose schema is used, is not installed.
    """
    builder = _Builder(path)
    builder.tensor("image", [1, side, side, 3], kind=_UINT8 if quantized else _FLOAT, free=1 if classes else 3,
                   scale=quantized)  # fmt: skip
    last = 0
    if quantized is not None:
        last = builder.step("DEQUANTIZE", [last], "real", [1, side, side, 3])
    if classes == 0:
        factor = builder.tensor("factor", [1], data=np.array([0.98], np.float32))
        last = builder.step("MUL", [last, factor], "darker", [1, side, side, 3])
    else:
        axes = builder.tensor("axes", [2], kind=_INT, data=np.array([1, 2], np.int32))
        means = builder.step("MEAN", [last, axes], "means", [1, 3])
        drawn = np.random.default_rng(0).normal(0, 0.02, (classes, 3)).astype(np.float32)
        line = builder.tensor("weights", [classes, 3], data=drawn if weights is None else weights)
        last = builder.step("FULLY_CONNECTED", [means, line, -1], "classes", [1, classes])
        if softmax:
            last = builder.step("SOFTMAX", [last], "sure", [1, classes])
    builder.write(last)
    write_text(path.with_suffix(".json"), json.dumps(dict(card)))
    return path


class _Builder:
    """Collects tensors and steps of one graph."""

    def __init__(self, path: Path) -> None:
        try:
            import flatbuffers
            from ai_edge_litert import schema_py_generated as schema
        except ImportError as error:
            raise BadInputError(
                f"{path}: writing a TFLite file needs LiteRT", hint="pip install 'facewarden[tflite]'"
            ) from error
        self.path, self.schema, self.flatbuffers = path, schema, flatbuffers
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs = [], [], [0]

    def tensor(
        self,
        name: str,
        shape: list[int],
        *,
        kind: int = _FLOAT,
        data: NDArray[Any] | None = None,
        free: int = 0,
        scale: tuple[float, int] | None = None,
    ) -> int:
        """Add a tensor and return its number; so many of its first axes may have any size."""
        made = self.schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, kind, 0
        if free:
            made.shapeSignature = [*[-1] * free, *shape[free:]]
        if scale is not None:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale[0]], [scale[1]]
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def step(self, kind: str, inputs: list[int], name: str, shape: list[int]) -> int:
        """Add an operator and return the number of its output."""
        output = self.tensor(name, shape, free=1)
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self.schema.BuiltinOperator, kind)
        code.version = 2 if kind == "DEQUANTIZE" else 1
        self.model.operatorCodes.append(code)
        made = self.schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = inputs, [output]
        options = {
            "MEAN": ("ReducerOptions", self.schema.ReducerOptionsT),
            "FULLY_CONNECTED": ("FullyConnectedOptions", self.schema.FullyConnectedOptionsT),
            "SOFTMAX": ("SoftmaxOptions", self.schema.SoftmaxOptionsT),
            "MUL": ("MulOptions", self.schema.MulOptionsT),
            "DEQUANTIZE": ("DequantizeOptions", self.schema.DequantizeOptionsT),
        }
        word, make = options[kind]
        made.builtinOptionsType = getattr(self.schema.BuiltinOptions, word)
        made.builtinOptions = make()
        if kind == "SOFTMAX":
            made.builtinOptions.beta = 1.0
        self.graph.operators.append(made)
        return output

    def write(self, output: int) -> None:
        """Write the file, whose result is one tensor."""
        self.graph.outputs = [output]
        self.model.subgraphs = [self.graph]
        packer = self.flatbuffers.Builder(1024)
        packer.Finish(self.model.Pack(packer), b"TFL3")
        write_bytes(self.path, bytes(packer.Output()))
