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
from facewarden.core.identity.own_hash import with_file_hashes

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
    first = with_file_hashes(CARD, tmp_path / "mine.onnx")
    assert first.sha256 == {"mine.onnx": sha256(tmp_path / "mine.onnx")}
    write_network(tmp_path / "mine.onnx", 2.0)
    assert with_file_hashes(CARD, tmp_path / "mine.onnx").identity() != first.identity()


def test_weights_in_a_file_beside_the_network_count(tmp_path: Path) -> None:
    write_network(tmp_path / "mine.onnx", 1.0, beside=True)
    held = with_file_hashes(CARD, tmp_path / "mine.onnx")
    assert held.sha256.keys() == {"mine.onnx", "mine.bin"}
    (tmp_path / "mine.bin").unlink()
    write_network(tmp_path / "mine.onnx", 2.0, beside=True)
    again = with_file_hashes(CARD, tmp_path / "mine.onnx")
    assert again.sha256["mine.onnx"] == held.sha256["mine.onnx"]
    assert again.identity() != held.identity()
    (tmp_path / "mine.bin").unlink()
    with pytest.raises(BadInputError, match=r"weights in 'mine\.bin' cannot be read"):
        with_file_hashes(CARD, tmp_path / "mine.onnx")


def test_a_hash_that_the_card_states_must_be_right(tmp_path: Path) -> None:
    write_network(tmp_path / "mine.onnx", 1.0)
    wrong = Card("mine", "a network", "recognizer", sha256={"mine.onnx": "0" * 64})
    with pytest.raises(BadInputError, match="its card says 000"):
        with_file_hashes(wrong, tmp_path / "mine.onnx")


def test_constants_inside_nodes_and_inner_graphs_in_a_file_beside_count(tmp_path: Path) -> None:
    hashes = []
    for value in (1.0, 2.0):
        weight = numpy_helper.from_array(np.full((4, 3), value, np.float32), "w")
        inner = helper.make_graph(
            [helper.make_node("Constant", [], ["v"], value=weight)],
            "inner", [], [helper.make_tensor_value_info("v", TensorProto.FLOAT, [4, 3])],
        )  # fmt: skip
        yes = numpy_helper.from_array(np.array(True), "yes")
        nodes = [
            helper.make_node("Constant", [], ["c"], value=yes),
            helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner),
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["y"], transB=1),
        ]
        ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
        out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])]
        model = helper.make_model(helper.make_graph(nodes, "net", ends, out), ir_version=8,
                                  opset_imports=[helper.make_opsetid("", 13)])  # fmt: skip
        (tmp_path / "mine.bin").unlink(missing_ok=True)
        onnx.save_model(
            model, str(tmp_path / "mine.onnx"), save_as_external_data=True, location="mine.bin", size_threshold=0,
            convert_attribute=True,
        )  # fmt: skip
        hashes.append(with_file_hashes(CARD, tmp_path / "mine.onnx").sha256)
    assert hashes[0]["mine.onnx"] == hashes[1]["mine.onnx"]
    assert hashes[0]["mine.bin"] != hashes[1]["mine.bin"]
