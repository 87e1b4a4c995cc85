"""A model is known by the bytes of its files, whatever its card states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_onnx_hashes

CARD = Card("mine", "a network", "recognizer")


def write_network(path: Path, weight: float, *, beside: bool = False) -> None:
    """The mean of each color times a weight, which may be kept in a file beside the network."""
    weights = numpy_helper.from_array(np.full((1, 3, 1, 1), weight, np.float32), "w")
    nodes = [helper.make_node("Mul", ["x", "w"], ["m"]), helper.make_node("GlobalAveragePool", ["m"], ["y"])]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 3, *side])
        for n, side in (("x", (8, 8)), ("y", (1, 1)))
    ]
    graph = helper.make_graph(nodes, "means", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if beside:
        onnx.save(model, str(path), save_as_external_data=True, location=f"{path.stem}.bin", size_threshold=0)
    else:
        onnx.save(model, str(path))


def test_a_card_that_states_nothing_gets_the_hash_of_the_file(tmp_path: Path) -> None:
    write_network(tmp_path / "mine.onnx", 1.0)
    first = with_onnx_hashes(CARD, tmp_path / "mine.onnx")
    assert first.sha256 == {"mine.onnx": sha256(tmp_path / "mine.onnx")}
    write_network(tmp_path / "mine.onnx", 2.0)
    assert with_onnx_hashes(CARD, tmp_path / "mine.onnx").identity() != first.identity()


def test_weights_in_a_file_beside_the_network_count(tmp_path: Path) -> None:
    write_network(tmp_path / "mine.onnx", 1.0, beside=True)
    held = with_onnx_hashes(CARD, tmp_path / "mine.onnx")
    assert held.sha256.keys() == {"mine.onnx", "mine.bin"}
    (tmp_path / "mine.bin").unlink()
    write_network(tmp_path / "mine.onnx", 2.0, beside=True)
    again = with_onnx_hashes(CARD, tmp_path / "mine.onnx")
    assert again.sha256["mine.onnx"] == held.sha256["mine.onnx"]
    assert again.identity() != held.identity()
    (tmp_path / "mine.bin").unlink()
    with pytest.raises(BadInputError, match=r"weights in 'mine\.bin' cannot be read"):
        with_onnx_hashes(CARD, tmp_path / "mine.onnx")


def test_a_hash_that_the_card_states_must_be_right(tmp_path: Path) -> None:
    write_network(tmp_path / "mine.onnx", 1.0)
    wrong = Card("mine", "a network", "recognizer", sha256={"mine.onnx": "0" * 64})
    with pytest.raises(BadInputError, match="its card says 000"):
        with_onnx_hashes(wrong, tmp_path / "mine.onnx")
