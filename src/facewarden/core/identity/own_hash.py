"""The hashes of a model's own files on its card: what identifies a model is its bytes, not what a card states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError


def with_file_hashes(card: Card, path: Path) -> Card:
    """A card that holds the hash of the file of a network, and of the files beside it that keep its weights.

    Args:
        card: as it was written; a hash that it states of one of these files must be right.
        path: .onnx, .tflite, or .xml, whose weights are in the .bin beside it.

    Raises:
        BadInputError: a file is not there, or the card states another hash of it.
    """
    if not path.is_file():
        raise BadInputError(f"{path}: no such file", hint=f"give an {path.suffix or '.onnx'} file")
    own = {name: _hash(path.parent / name, of=path) for name in (path.name, *_weights_beside(path))}
    for name, found in own.items():
        stated = card.sha256.get(name, found)
        if stated != found:
            raise BadInputError(
                f"{path.parent / name}: its sha256 is {found}, its card says {stated}",
                hint="restore the file or its card",
            )
    return replace(card, sha256={**card.sha256, **own})


def _hash(file: Path, *, of: Path) -> str:
    try:
        if not file.is_file():  # a device or a pipe has no end
            raise OSError("no plain file")
        return sha256(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadInputError(f"{of}: its weights in {file.name!r} cannot be read: {error}", hint="copy both") from error


def _weights_beside(path: Path) -> list[str]:
    """Names of the files in which a file keeps its tensors, relative to its folder."""
    if path.suffix.lower() == ".xml":
        weights = path.with_suffix(".bin")
        return [weights.name] if weights.is_file() else []
    if path.suffix.lower() != ".onnx":
        return []
    from onnx import TensorProto, load
    from onnx.external_data_helper import ExternalDataInfo

    try:
        model = load(str(path), load_external_data=False)
    except Exception:  # no ONNX: whoever opens it says so
        return []
    outside = [tensor for tensor in _tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    return sorted({ExternalDataInfo(tensor).location for tensor in outside})


def _tensors(model: Any) -> Iterator[Any]:
    """All tensors of an ONNX model: initializers and values of attributes, also of graphs inside nodes."""
    graphs, nodes = [model.graph], [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes += graph.node
            continue
        for held in nodes.pop().attribute:
            yield from (held.t, *held.tensors)
            graphs += [held.g, *held.graphs]
