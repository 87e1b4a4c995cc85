"""An embedder of the user's: its card drives what the network sees, and every mistake is named."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from facewarden.core.errors import BadInputError
from facewarden.recognizers.onnx_file import OnnxRecognizer

CROPS = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def write(folder, *, batch="n", layout="NCHW", size=112, **settings):
    """A network whose embedding is the mean of each channel."""
    shape = [batch, 3, size, size] if layout == "NCHW" else [batch, size, size, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=axes, keepdims=0)
    graph = helper.make_graph(
        [node],
        "means",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(folder / "m.onnx")
    )
    card = {"name": "m", "summary": "channel means", "role": "recognizer"}
    card["settings"] = {"size": size, "layout": layout, **settings}
    (folder / "m.json").write_text(json.dumps(card))
    return folder / "m.onnx"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_card_drives_layout_and_any_batch_works(tmp_path, layout, batch):
    recognizer = OnnxRecognizer(write(tmp_path, layout=layout, batch=batch, mean=127.5, std=[1, 2, 4]))
    assert recognizer.dim == 3
    expected = (CROPS * 255 - 127.5).mean(dim=(2, 3)) / torch.tensor([1.0, 2.0, 4.0])
    assert torch.allclose(recognizer.features(CROPS), expected, atol=1e-3)
    assert recognizer.embed(CROPS).norm(dim=1).tolist() == pytest.approx([1.0] * 3, abs=1e-5)


def test_order_and_size(tmp_path):
    recognizer = OnnxRecognizer(write(tmp_path, order="BGR", size=160))
    assert torch.allclose(recognizer.features(CROPS), CROPS.flip(1).mean(dim=(2, 3)) * 255, atol=1)


def test_no_gradients_and_it_says_so(tmp_path):
    recognizer = OnnxRecognizer(write(tmp_path))
    assert not recognizer.differentiable
    assert not recognizer.embed(CROPS.clone().requires_grad_()).requires_grad


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": "GRB"}, 'settings.order is "GRB"; allowed: RGB or BGR'),
        ({"std": 0}, "settings.std is 0; allowed: a number above 0"),
        ({"mean": [1, 2]}, "settings.mean is .*; allowed: one number or three"),
        ({"std": "x"}, "settings.std.* is .*x.*; allowed: a number"),
        ({"mean": float("nan")}, "settings.mean is nan"),
        ({"swap_rb": True}, "unknown setting 'settings.swap_rb'"),
        ({"input_mean": 127.5}, "unknown setting 'settings.input_mean'; did you mean 'mean'"),
    ],
)
def test_cards_that_make_no_sense_are_refused(tmp_path, settings, message):
    with pytest.raises(BadInputError, match=rf"m\.json: {message}") as caught:
        OnnxRecognizer(write(tmp_path, **settings))
    assert "settings" in str(caught.value)
    assert caught.value.hint


def test_the_card_of_another_role_is_refused(tmp_path):
    path = write(tmp_path)
    card = json.loads((tmp_path / "m.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps({**card, "role": "pad"}))
    with pytest.raises(BadInputError, match=r"m\.json: role is 'pad'; allowed: 'recognizer'"):
        OnnxRecognizer(path)


def test_card_that_does_not_fit_the_network_is_refused(tmp_path):
    path = write(tmp_path, size=96)
    card = json.loads((tmp_path / "m.json").read_text())
    card["settings"]["size"] = 112
    (tmp_path / "m.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="does not take what its card says"):
        OnnxRecognizer(path)
    card["settings"]["size"] = "large"
    (tmp_path / "m.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match='size is "large"; allowed: a whole number from 8 to 1024'):
        OnnxRecognizer(path)


def test_missing_and_damaged_files_are_named(tmp_path):
    path = write(tmp_path)
    path.write_bytes(b"not a network")
    with pytest.raises(BadInputError, match=r"m\.onnx: not an ONNX file"):
        OnnxRecognizer(path)
    path.unlink()
    with pytest.raises(BadInputError, match="no such file"):
        OnnxRecognizer(path)
    (tmp_path / "m.json").unlink()
    with pytest.raises(BadInputError, match=r"m\.json"):
        OnnxRecognizer(path)


def test_file_that_differs_from_its_card_is_refused(tmp_path):
    path = write(tmp_path)
    card = json.loads((tmp_path / "m.json").read_text())
    card["sha256"] = {"m.onnx": "0" * 64}
    (tmp_path / "m.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="its card says 000"):
        OnnxRecognizer(path)


def test_numpy_sees_what_the_network_sees(tmp_path):
    recognizer = OnnxRecognizer(write(tmp_path, mean=[1, 2, 3], std=10, order="BGR"))
    means = CROPS.numpy().mean(axis=(2, 3))[:, ::-1] * 255
    assert recognizer.features(CROPS).numpy() == pytest.approx((means - np.array([1, 2, 3])) / 10, abs=1e-3)
