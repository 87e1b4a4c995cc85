"""Read the weights of an ONNX file in the order in which the graph uses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_LEARNED = ("Conv", "PRelu")


def read_onnx_weights(path: Path) -> list[NDArray[np.float32]]:
    """Return filters, biases and PReLU slopes, node by node.

    Args:
        path: a file whose nodes are in the order of the forward pass, as the ONNX standard demands.
    """
    graph = onnx.load(str(path)).graph
    stored = {item.name: item for item in graph.initializer}
    return [
        np.array(numpy_helper.to_array(stored[name]), dtype=np.float32)
        for node in graph.node
        if node.op_type in _LEARNED
        for name in node.input
        if name in stored
    ]
