"""ONNX files of the fuzz corpus with their cards: damaged, of other types, with lying shapes and changed cards."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from foreign_models import onnx_model
from fuzz.case import DAMAGES, Family, FuzzInput, Wants, command_line, damaged, one
from fuzz.settings import changed, json_text

ROLES = ("pad", "recognizer", "purifier")


def toy(rng: np.random.Generator, folder: Path, role: str) -> Path:
    """A whole small network and its card; one that gives a picture for a purifier."""
    if role == "purifier":
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
        again = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3, "h", "w"])
        graph = helper.make_graph([helper.make_node("Identity", ["image"], ["out"])], "toy", [image], [again])
        path = folder / "toy.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
        card = {"name": "toy", "summary": "toy", "role": role, "settings": {"range": 1}}
        path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
        return path
    if role == "recognizer":
        return onnx_model(folder, "embedding_first", role=role, output_name="embedding", size=32)
    kind = one(rng, ["logits", "softmax", "map", "sigmoid", "clip", "neighbors", "softmax_twice"])
    settings: dict[str, Any] = {"map": {"output": "logit", "reduce": "mean"}}.get(kind, {})
    return onnx_model(folder, kind, dtype=one(rng, ["float32", "float16", "uint8"]), **settings)


def model_input(path: Path, role: str, wants: Wants = "any") -> FuzzInput:
    """A network that is loaded, run and given a template of a card; the card may be named instead of the file."""
    return FuzzInput(partial(_read, path, role), (path.stem,), wants)


def _read(path: Path, role: str) -> None:
    import torch

    from facewarden.core.batch import FaceBatch
    from facewarden.core.errors import FacewardenError
    from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer

    logging.getLogger("facewarden").setLevel(logging.ERROR)
    pictures = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    try:
        if role == "pad":
            box = torch.tensor([[4.0, 4.0, 40.0, 40.0]] * 3)
            resolve_detector(str(path))(FaceBatch(images={"rgb": pictures}, key=("a", "b", "c"), box=box))
        elif role == "recognizer":
            resolve_recognizer(str(path)).embed(torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0)))
        else:
            resolve_purifier(str(path))(pictures)
    except FacewardenError as error:
        _template(path)
        raise error
    _template(path)


def _template(path: Path) -> None:
    from fuzz.case import RefusedError

    out = path.with_name("template.json")
    try:
        command_line("card", str(path), "--out", str(out))
    except RefusedError as error:
        if path.name not in str(error):
            raise


def _damaged(rng: np.random.Generator, folder: Path) -> FuzzInput:
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    path.write_bytes(damaged(rng, path.read_bytes(), one(rng, DAMAGES)))
    return model_input(path, role)


def _input_types(rng: np.random.Generator, folder: Path) -> FuzzInput:
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    model = onnx.load(str(path))
    values = [*model.graph.input, *model.graph.output]
    types = [kind for kind in TensorProto.DataType.values() if kind]
    one(rng, values).type.tensor_type.elem_type = one(rng, [*types, 99])
    onnx.save(model, str(path))
    return model_input(path, role)


def _shapes(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """The file tells other sizes of its input or output than it takes and gives."""
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    model = onnx.load(str(path))
    shape = one(rng, [*model.graph.input, *model.graph.output]).type.tensor_type.shape
    how = one(rng, ["number", "number", "number", "word", "gone", "more", "none"])
    if how == "none":
        del shape.dim[:]
    elif how == "more":
        shape.dim.add().dim_value = 3
    elif len(shape.dim):
        at = int(rng.integers(len(shape.dim)))
        if how == "gone":
            del shape.dim[at]
        elif how == "word":
            shape.dim[at].dim_param = one(rng, ["", "x" * 999, "\x1b[2J", "n"])
        else:
            shape.dim[at].dim_value = one(rng, [0, -1, 1, 2, 3, 7, 31, 33, 1024, 100_000, 2**31, 2**62])
    onnx.save(model, str(path))
    return model_input(path, role)


def _graph(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Inputs, outputs or nodes too many, too few, in a circle, of unknown operators or versions."""
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    model = onnx.load(str(path))
    graph, how = model.graph, int(rng.integers(11))
    if how == 0:
        del graph.input[:]
    elif how == 1:
        del graph.output[:]
    elif how == 2:
        graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    elif how == 3:
        graph.output.append(helper.make_tensor_value_info("nowhere", TensorProto.FLOAT, [1]))
    elif how == 4:
        del graph.node[int(rng.integers(len(graph.node)))]
    elif how == 5:
        one(rng, graph.node).op_type = one(rng, ["Nothing", "", "Loop", "If", "Relu", "Softmax", "Gather"])
    elif how == 6:
        node = one(rng, graph.node)
        node.input[0] = node.output[0]
    elif how == 7:
        model.opset_import[0].version = one(rng, [0, 1, 7, 99, 2**31])
    elif how == 8:
        model.ir_version = one(rng, [0, 1, 99, 2**31])
    elif how == 9:
        one(rng, graph.node).name = "\x1b[2J\u202e"
        graph.input[0].name = one(rng, ["", "x" * 5000, "\x1b[2J", "a b"])
    else:
        graph.node.extend([graph.node[0]])
    onnx.save(model, str(path))
    return model_input(path, role)


def _weights(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Weights that are not finite, of another type or number, or in a file elsewhere."""
    role = one(rng, ["pad", "recognizer"])
    path = toy(rng, folder, role)
    model = onnx.load(str(path))
    tensor, how = one(rng, model.graph.initializer), int(rng.integers(6))
    values = np.array(numpy_helper.to_array(tensor))
    if how == 0:
        values.reshape(-1)[int(rng.integers(values.size))] = one(rng, [np.nan, np.inf, 3e38])
    elif how == 1:
        values = values.astype(one(rng, [np.float64, np.int64, np.float16, np.bool_]))
    elif how == 2:
        values = values[..., :0]
    elif how == 3:
        values = values * np.float32(0)
    made = numpy_helper.from_array(np.ascontiguousarray(values), tensor.name)
    if how == 4:
        made.dims[0] = one(rng, [2**62, -1, 0, 7, 2**31])
    elif how == 5:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", one(rng, ["../../x", "/etc/passwd", "/dev/zero", "", "x\x00y", "nothing.bin"])),
            ("length", "9"),
        ):
            entry = made.external_data.add()
            entry.key, entry.value = key, value
    tensor.CopyFrom(made)
    path.write_bytes(model.SerializeToString())
    return model_input(path, role)


def _card_values(rng: np.random.Generator, folder: Path) -> FuzzInput:
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    more = {
        "order": "BGR",
        "mean": 127.5,
        "std": [128.0, 128.0, 128.0],
        "batch": 2,
        "scale": 1.5,
        "bona_fide": 1,
        "size": 32,
    }
    names = list(more)[: 5 if role == "pad" else 3]
    card["settings"] |= {name: more[name] for name in names if rng.random() < 0.5}
    if rng.random() < 0.3:
        card["self_test"] = [
            {"input": one(rng, ["gray:0.5", "noise:7", "gray:x", "nothing.png", "../x"]), "score": 0.0}
        ]
    path.with_suffix(".json").write_text(json.dumps(changed(rng, card)), encoding="utf-8")
    return model_input(path, role)


def _card_text(rng: np.random.Generator, folder: Path) -> FuzzInput:
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    if rng.random() < 0.1:
        path.with_suffix(".json").unlink()
        return model_input(path, role, "refused")
    data, wants = json_text(rng, json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    path.with_suffix(".json").write_bytes(data)
    return model_input(path, role, wants)


def _no_network(rng: np.random.Generator, folder: Path) -> FuzzInput:
    role = one(rng, ROLES)
    path = toy(rng, folder, role)
    path.write_bytes(
        one(
            rng,
            [b"", b"\x00", b"\x80\x04.", b"PK\x03\x04", b"ONNX", b"\n" * 900, path.with_suffix(".json").read_bytes()],
        )
    )
    return model_input(path, role, "refused")


FAMILIES: dict[str, Family] = {
    "file, damaged": _damaged,
    "types": _input_types,
    "lying shapes": _shapes,
    "graph": _graph,
    "weights": _weights,
    "card, values": _card_values,
    "card, text": _card_text,
    "no network": _no_network,
}
