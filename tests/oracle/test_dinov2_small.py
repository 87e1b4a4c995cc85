"""The fetched DINOv2-small in timm's transformer against onnxruntime on the published graph, cut after the backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.nn.trunk import load_trunk, trunk_identity
from facewarden.pad.ama import Ama

CUT = "/backbone/layernorm/Add_1_output_0"
AFTER_BLOCK = "/backbone/encoder/layer.{}/Add_1_output_0"
MEAN, STD = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
TOLERANCE = 1e-4


def session(folder: Path, side: int) -> Any:
    """The published graph up to the last norm, its input declared with another side where that is asked for."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model = onnx.load(str(folder / "vit_s_focus.onnx"))
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    del model.graph.output[:]
    for name in (AFTER_BLOCK.format(2), CUT):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    del model.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def pictures(side: int) -> torch.Tensor:
    coarse = torch.from_numpy(np.random.default_rng(3).uniform(0, 1, (2, 3, 9, 9)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, size=side, mode="bilinear")


@pytest.mark.parametrize("side", [112, 224])
def test_tokens_are_those_of_onnxruntime(need_asset: Callable[[str], Path], side: int) -> None:
    folder = need_asset("dinov2_small")
    images = pictures(side)
    middle, expected = session(folder, side).run(None, {"input_image": (images.numpy() - MEAN) / STD})
    trunk: Any = load_trunk("dinov2_small", size=side, seed=0).eval()
    with torch.no_grad():
        inputs = (images * 255 - 127.5) / 128  # what every detector here feeds its trunk
        found = trunk.forward_features(inputs).numpy()
        _, layers = trunk.forward_intermediates(inputs, indices=[2], norm=False, output_fmt="NLC")
    assert expected.shape == (2, (side // 14) ** 2 + 1, 384)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=TOLERANCE)
    np.testing.assert_allclose(layers[0].numpy(), middle[:, 1:], atol=TOLERANCE, rtol=TOLERANCE)


def test_a_detector_takes_it_as_its_trunk(need_asset: Callable[[str], Path]) -> None:
    need_asset("dinov2_small")
    detector = Ama.untrained({"trunk": "dinov2_small", "size": 112, "preset": "paper", "depth": 2}, seed=5)
    blocks: Any = load_trunk("dinov2_small", size=112, seed=0, depth=2)
    mine, theirs = detector.network.streams.blocks.state_dict(), blocks.blocks.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert not any(parameter.requires_grad for parameter in detector.network.streams.blocks.parameters())
    assert Ama.start({"trunk": "dinov2_small", "size": 112}) == trunk_identity("dinov2_small", pretrained=False)


def test_both_engines_see_the_same(need_asset: Callable[[str], Path]) -> None:
    from facewarden.training.tokens.engine import EngineSettings, token_function

    need_asset("dinov2_small")
    pytest.importorskip("onnxruntime")
    images = pictures(112)
    layers, first = token_function(EngineSettings(kind="torch"))(images)
    others, other = token_function(EngineSettings(kind="onnxruntime"))(images)
    for mine, theirs in zip([*layers, first], [*others, other], strict=True):
        torch.testing.assert_close(mine.detach(), theirs, atol=TOLERANCE, rtol=TOLERANCE)
