"""Small ONNX networks of the mean color, in every layout and type that other makers export, for tests of cards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper, save

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
Kind = Literal["logits", "softmax", "softmax_twice", "softmax_in_bytes", "sigmoid", "clip", "neighbors", "random",
               "map", "embedding_first"]  # fmt: skip
CLASSES = ((-0.02, 0.0, 0.02), (0.02, 0.0, -0.02))
"""Weights of two classes on gray levels: the second one likes red, the first one blue."""


def onnx_model(
    folder: Path,
    kind: Kind = "logits",
    *,
    name: str = "toy",
    role: str = "pad",
    weights: Sequence[Sequence[float]] = CLASSES,
    side: int | None = 32,
    file_layout: Literal["NCHW", "NHWC"] = "NCHW",
    dtype: Literal["float32", "float16", "uint8"] = "float32",
    file_batch: int | str = "n",
    known: Sequence[dict[str, Any]] = (),
    **settings: Any,
) -> Path:
    """Write a network of the mean color, and its card; returns the network's path."""
    matrix = np.asarray(weights, dtype=np.float32)
    embed = np.random.default_rng(0).normal(0, 0.02, (64, 3)).astype(np.float32)
    nodes: list[NodeProto] = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    if file_layout == "NHWC":
        nodes.append(helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]))
    else:
        nodes.append(helper.make_node("Identity", ["real"], ["planes"]))
    nodes += [
        helper.make_node("GlobalAveragePool", ["planes"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
    ]
    if kind == "neighbors":
        nodes += [
            helper.make_node("ReduceMean", ["means"], ["batch_mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["means", "batch_mean"], ["flat"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["means"], ["flat"]))
    nodes += [
        helper.make_node("Gemm", ["flat", "w"], ["line"], transB=1),
        *_end(kind),
        helper.make_node("Gemm", ["flat", "e"], ["embedding"], transB=1),
        helper.make_node("Conv", ["planes", "k"], ["map"]),
    ]
    outputs = {"map": ["map"], "embedding_first": ["embedding", "out"]}.get(kind, ["out"])
    free: int | str = side or "side"
    shapes: dict[str, list[int | str]] = {
        "map": [file_batch, 1, free, free], "embedding": [file_batch, 64], "out": [file_batch, len(matrix)]
    }  # fmt: skip
    image = [file_batch, 3, free, free] if file_layout == "NCHW" else [file_batch, free, free, 3]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TYPES[dtype], image)],
        [helper.make_tensor_value_info(one, TensorProto.FLOAT, shapes[one]) for one in outputs],
        [
            numpy_helper.from_array(matrix, "w"),
            numpy_helper.from_array(embed, "e"),
            numpy_helper.from_array(matrix[-1].reshape(1, 3, 1, 1), "k"),
        ],
    )
    path = folder / f"{name}.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    card: dict[str, Any] = {"name": name, "summary": "toy", "role": role, "settings": settings}
    if known:
        card["self_test"] = list(known)
    path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    return path


def _end(kind: Kind) -> list[NodeProto]:
    if kind in ("softmax", "softmax_twice"):
        nodes = [helper.make_node("Softmax", ["line"], ["soft"], axis=1)]
        last = "Softmax" if kind == "softmax_twice" else "Identity"
        return [*nodes, helper.make_node(last, ["soft"], ["out"], **({"axis": 1} if last == "Softmax" else {}))]
    if kind == "softmax_in_bytes":  # as quantizers of onnxruntime write it
        levels = [helper.make_node("Constant", [], [one], value=numpy_helper.from_array(value))
                  for one, value in (("step", np.float32(1 / 256)), ("zero", np.uint8(0)))]  # fmt: skip
        return [
            helper.make_node("Softmax", ["line"], ["soft"], axis=1), *levels,
            helper.make_node("QuantizeLinear", ["soft", "step", "zero"], ["bytes"]),
            helper.make_node("DequantizeLinear", ["bytes", "step", "zero"], ["out"]),
        ]  # fmt: skip
    if kind == "sigmoid":
        return [helper.make_node("Sigmoid", ["line"], ["out"])]
    if kind == "clip":
        ends = {"low": 0.0, "high": 1.0}
        constants = [helper.make_node("Constant", [], [one], value_float=value) for one, value in ends.items()]
        return [*constants, helper.make_node("Clip", ["line", "low", "high"], ["out"])]
    if kind == "random":
        return [
            helper.make_node("RandomNormalLike", ["line"], ["noise"]),
            helper.make_node("Add", ["line", "noise"], ["out"]),
        ]
    return [helper.make_node("Identity", ["line"], ["out"])]
