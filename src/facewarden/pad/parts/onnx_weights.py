"""Read the weights of an ONNX graph in the order in which its nodes use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.nn.minifasnet import fold_batch_norm


def onnx_weights(path: Path) -> Iterator[Tensor]:
    """Yield weights of convolutions, PReLUs and matrix products, a batch normalization merged into the layer before.

    Matrices are transposed to the `(out, in)` of `nn.Linear`.

    Raises:
        BadInputError: not an ONNX file.
    """
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # onnx lets protobuf's own errors through, whose type changes with its version
        raise BadInputError(f"{path}: not an ONNX file: {error}", hint="fetch it again") from error
    stored = {item.name: item for item in graph.initializer}
    pending: Tensor | None = None
    for node in graph.node:
        if node.op_type not in ("Conv", "PRelu", "MatMul", "BatchNormalization"):
            continue
        values = [torch.from_numpy(np.array(numpy_helper.to_array(stored[n]))) for n in node.input if n in stored]
        if node.op_type == "BatchNormalization" and pending is not None:
            gain, shift, mean, variance = values
            yield from fold_batch_norm(pending, mean, variance, gain=gain, shift=shift)
            pending = None
            continue
        if pending is not None:
            yield pending
            pending = None
        if node.op_type == "MatMul":
            pending = values[0].T
        else:
            yield from values
    if pending is not None:
        yield pending
