"""Published weights: decoded as their formats say, and refused when they do not fit."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from facewarden.core.errors import AssetError
from facewarden.recognizers.parts.frozen import fold_batch_norm, fold_scale, load_in_order
from facewarden.recognizers.parts.onnx_weights import read_onnx_weights
from facewarden.recognizers.parts.tfjs_weights import read_tfjs_weights
from facewarden.recognizers.parts.view import InputView


@pytest.fixture
def tfjs(tmp_path):
    weights = [
        {"name": "plain", "shape": [2], "dtype": "float32"},
        {"name": "bytes", "shape": [2, 2], "dtype": "float32"},
        {"name": "half", "shape": [], "dtype": "float32", "quantization": {"dtype": "float16"}},
    ]
    weights[1]["quantization"] = {"dtype": "uint8", "scale": 0.5, "min": -1}
    data = np.array([1.5, -2], "<f4").tobytes() + bytes([0, 2, 4, 255]) + np.array(0.25, "<f2").tobytes()
    (tmp_path / "w.bin").write_bytes(data)
    (tmp_path / "m.json").write_text(json.dumps([{"paths": ["w.bin"], "weights": weights}]))
    return tmp_path


def test_tfjs_arrays_are_decoded_by_hand(tfjs):
    arrays = read_tfjs_weights(tfjs / "m.json", tfjs / "w.bin")
    assert arrays["plain"].tolist() == [1.5, -2.0]
    assert arrays["bytes"].tolist() == [[-1.0, 0.0], [1.0, 126.5]]
    assert arrays["half"] == np.float32(0.25)
    assert all(array.dtype == np.float32 for array in arrays.values())
    groups = json.loads((tfjs / "m.json").read_text())
    (tfjs / "model.json").write_text(json.dumps({"weightsManifest": groups}))
    assert read_tfjs_weights(tfjs / "model.json", tfjs / "w.bin").keys() == arrays.keys()


@pytest.mark.parametrize(("change", "what"), [(slice(0, -1), "ends inside half"), (slice(0, None), "describes 14")])
def test_tfjs_bytes_that_do_not_fit_are_refused(tfjs, change, what):
    data = (tfjs / "w.bin").read_bytes()
    (tfjs / "w.bin").write_bytes(data[change] if change.stop else data + b"x")
    with pytest.raises(AssetError, match=what):
        read_tfjs_weights(tfjs / "m.json", tfjs / "w.bin")


def test_onnx_weights_come_in_the_order_of_the_graph(tmp_path):
    arrays = {
        "b": np.ones(2, np.float32),
        "w": np.zeros((2, 3, 1, 1), np.float32),
        "slope": np.full((2, 1, 1), 3, np.float32),
        "unused": np.zeros(1, np.float32),
    }
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"]), helper.make_node("PRelu", ["y", "slope"], ["z"])]
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xz"]
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", shape[:1], shape[1:], stored)
    onnx.save(helper.make_model(graph), str(tmp_path / "m.onnx"))
    assert [array.shape for array in read_onnx_weights(tmp_path / "m.onnx")] == [(2, 3, 1, 1), (2,), (2, 1, 1)]


def test_loading_freezes_and_drops_what_only_slows():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.PReLU(2))
    load_in_order(
        network,
        [torch.tensor([1.0, 1e-30]).view(2, 1, 1, 1), torch.zeros(2), torch.tensor([[[2.0]], [[3.0]]])],
        source="f",
    )
    assert network[0].weight.flatten().tolist() == [1.0, 0.0]
    assert network[1].weight.tolist() == [2.0, 3.0]
    assert not network[0].weight.requires_grad
    assert not network.training


def test_weights_that_do_not_fit_are_refused():
    network = nn.Linear(2, 3)
    with pytest.raises(AssetError, match="1 arrays, the network has 2"):
        load_in_order(network, [torch.zeros(3, 2)], source="f")
    with pytest.raises(AssetError, match="weight is"):
        load_in_order(network, [torch.zeros(2, 3), torch.zeros(3)], source="f")


def test_folding_keeps_the_function():
    generator = torch.Generator().manual_seed(0)
    convolution, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    with torch.no_grad():
        for tensor in (*convolution.parameters(), norm.weight, norm.bias, norm.running_mean):
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
        norm.running_var.uniform_(0.1, 3, generator=generator)
        norm.eval()
        x = torch.randn(1, 3, 8, 8, generator=generator)
        folded = fold_batch_norm(
            convolution.weight,
            bias=convolution.bias,
            mean=norm.running_mean,
            variance=norm.running_var,
            scale=norm.weight,
            shift=norm.bias,
        )
        assert torch.allclose(nn.functional.conv2d(x, *folded), norm(convolution(x)), atol=1e-5)
        scaled = fold_scale(convolution.weight, norm.weight, norm.bias, bias=convolution.bias)
        expected = norm.weight.view(1, -1, 1, 1) * convolution(x) + norm.bias.view(1, -1, 1, 1)
        assert torch.allclose(nn.functional.conv2d(x, *scaled), expected, atol=1e-5)


def test_view_of_everything_is_the_picture():
    image = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(InputView(0.0, 0.0, side=112.0, size=112)(image), image)
    enlarged = nn.functional.interpolate(image, size=224, mode="bilinear", align_corners=False)
    assert torch.allclose(InputView(0.0, 0.0, side=112.0, size=224)(image), enlarged, atol=1e-6)


def test_view_is_a_window_and_repeats_the_edge():
    image = torch.rand(1, 1, 112, 112, generator=torch.Generator().manual_seed(0))
    window = InputView(10.0, 100.0, side=20.0, size=20)(image)
    assert torch.allclose(window[..., :12, :], image[..., 100:, 10:30])
    assert torch.allclose(window[..., 12:, :], image[..., -1:, 10:30].expand(1, 1, 8, 20))
