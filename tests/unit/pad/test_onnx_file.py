"""A user's ONNX detector: how the card's words turn outputs into scores, and each way in which a pair can be wrong."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, save

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.pad.onnx_file import OnnxDetector

pytest.importorskip("onnxruntime")


def write(
    folder: Path, *, weights: Sequence[Sequence[float]], channels: int = 3, batch: str | int = "n", **settings: Any
) -> Path:
    """A network whose classes are weighted means of the channels, with its card."""
    matrix = np.asarray(weights, dtype=np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node(
            "Constant", [], ["w"], value=helper.make_tensor("w", TensorProto.FLOAT, matrix.T.shape, matrix.T)
        ),
        helper.make_node("MatMul", ["flat", "w"], ["out"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, channels, 8, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, len(matrix)])
    graph = helper.make_graph(nodes, "means", [image], [out])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(folder / "a.onnx"))
    card = {"name": "a", "summary": "s", "role": "pad", "settings": {"size": 8, **settings}}
    (folder / "a.json").write_text(json.dumps(card))
    return folder / "a.onnx"


def score(path: Path, color: Sequence[float], *, modality: Modality = "rgb", count: int = 1) -> list[float]:
    image = torch.tensor(color).reshape(1, -1, 1, 1).expand(count, -1, 10, 10)
    keys = tuple(f"{i}" for i in range(count))
    return OnnxDetector(path)(FaceBatch(images={modality: image}, key=keys)).score.tolist()


def test_order_mean_and_std_are_the_cards(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[0, 0, 0], [1, 0, 0]], order="BGR", mean=[10, 0, 0], std=[100, 1, 1])
    assert score(path, [0.1, 0.2, 0.8])[0] == pytest.approx((0.8 * 255 - 10) / 100, abs=1e-4)


def test_logits_are_the_bona_fide_class_against_all_others(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], std=255, bona_fide=2)
    assert score(path, [0.1, 0.2, 0.8])[0] == pytest.approx(0.8 - math.log(math.exp(0.1) + math.exp(0.2)), abs=1e-5)


def test_probabilities_become_logits_and_may_be_of_the_attack(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0]], std=255, output="probability")
    assert score(path, [0.75, 0, 0])[0] == pytest.approx(math.log(3), abs=1e-5)
    path = write(tmp_path, weights=[[1, 0, 0]], std=255, output="probability", invert=True)
    assert score(path, [0.75, 0, 0])[0] == pytest.approx(-math.log(3), abs=1e-5)
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]], std=255, output="probability")
    assert score(path, [0.75, 0.25, 0])[0] == pytest.approx(-math.log(3), abs=1e-5)
    path = write(tmp_path, weights=[[1, 0, 0]], std=255, output="logit")
    assert score(path, [0.75, 0, 0])[0] == pytest.approx(0.75, abs=1e-5)


def test_depth_and_a_fixed_batch(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[0], [1]], channels=1, batch=2, std=255, modality="depth")
    assert score(path, [0.5], modality="depth", count=5) == pytest.approx([0.5] * 5, abs=1e-5)


def test_the_crop_is_the_cards(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[0, 0, 0], [1, 0, 0]], std=255, scale=1.0)
    detector = OnnxDetector(path)
    assert detector.needs_box
    frame = torch.zeros(1, 3, 20, 20)
    frame[:, :, 5:15, 5:15] = 1.0
    inside = torch.tensor([[6.0, 6.0, 13.0, 13.0]])
    found = detector(FaceBatch(images={"rgb": frame}, key=("a",), box=inside)).score
    assert found.item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "settings.size is 0; allowed: a whole number from 8 to 1024"),
        ({"size": "big"}, 'size is "big"; allowed: a whole number'),
        ({"order": "GRB"}, 'order is "GRB"; allowed: RGB or BGR'),
        ({"modality": "thermal"}, "thermal"),
        ({"std": 0}, "settings.std is 0; allowed: a number above 0"),
        ({"size": True}, "size is true"),
        ({"mean": 10**400}, "mean is a number of about 400 digits"),
        ({"mean": [1, 2]}, "mean"),
        ({"scale": -1}, "scale"),
        ({"output": "class"}, "output"),
        ({"bona_fide": 2}, "bona_fide 2"),
        ({"colour": "RGB"}, "unknown setting 'settings.colour'"),
        ({"swap_rb": True, "input_mean": 3}, "swap_rb.*input_mean.*did you mean 'mean'"),
        ({"modality": "depth"}, "takes 3 channels, but depth has 1"),
        ({"size": 9}, "does not take what its card says"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]], **settings)
    with pytest.raises(BadInputError, match=message) as caught:
        OnnxDetector(path)
    assert caught.value.hint


def test_the_card_of_another_role_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]])
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "role": "recognizer"}))
    with pytest.raises(BadInputError, match=r"\.json: role is 'recognizer'; allowed: 'pad'"):
        OnnxDetector(path)


def test_one_output_cannot_be_classes(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="one output"):
        OnnxDetector(write(tmp_path, weights=[[1, 0, 0]]))


def test_a_missing_card_or_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]])
    (tmp_path / "a.json").unlink()
    with pytest.raises(BadInputError, match=r"no card beside it, expected a\.json"):
        OnnxDetector(path)
    with pytest.raises(BadInputError, match="no such file"):
        OnnxDetector(tmp_path / "b.onnx")


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]])
    path.write_bytes(b"no network")
    with pytest.raises(BadInputError, match="not an ONNX file"):
        OnnxDetector(path)


def test_another_hash_than_the_cards_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]])
    card = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps({**card, "sha256": {"a.onnx": "0" * 64}}))
    with pytest.raises(BadInputError, match="sha256"):
        OnnxDetector(path)


def test_without_onnxruntime_the_hint_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, weights=[[1, 0, 0], [0, 1, 0]])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInputError, match=r"facewarden\[onnx\]"):
        OnnxDetector(path)
