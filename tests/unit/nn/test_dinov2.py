"""DINOv2-small without its file: names, sizes and normalization on a small ONNX graph that is written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facewarden.core.errors import AssetError, MissingAssetError
from facewarden.nn import dinov2
from facewarden.nn.dinov2 import dinov2_small, published_weights
from facewarden.nn.trunk import is_random, load_trunk, trunk_identity, without_weights

WIDTH, GRID = 4, 5


def small_file(path: Path, *, drop: str = "") -> dict[str, np.ndarray]:
    """An ONNX file of the published names with a width of 4, one block and 5 x 5 positions."""
    rng = np.random.default_rng(0)
    shapes = {"backbone.embeddings.cls_token": (1, 1, WIDTH), "onnx::Concat_1": (1, 1, WIDTH),
              "onnx::Reshape_1": (1, GRID**2, WIDTH), "backbone.layernorm.weight": (WIDTH,),
              "backbone.layernorm.bias": (WIDTH,),
              "backbone.embeddings.patch_embeddings.projection.weight": (WIDTH, 3, 2, 2),
              "backbone.embeddings.patch_embeddings.projection.bias": (WIDTH,)}  # fmt: skip
    layer = "backbone.encoder.layer.0."
    for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "layer_scale1.lambda1",
                 "layer_scale2.lambda1", "attention.output.dense.bias", "mlp.fc2.bias",
                 *(f"attention.attention.{p}.bias" for p in ("query", "key", "value"))):  # fmt: skip
        shapes[layer + name] = (WIDTH,)
    shapes[f"{layer}mlp.fc1.bias"] = (8,)
    matrices = {f"attention/attention/{p}": (WIDTH, WIDTH) for p in ("query", "key", "value")}
    matrices |= {"attention/output/dense": (WIDTH, WIDTH), "mlp/fc1": (WIDTH, 8), "mlp/fc2": (8, WIDTH)}
    nodes = []
    for number, (name, shape) in enumerate(matrices.items()):
        shapes[f"onnx::MatMul_{number}"] = shape
        nodes.append(helper.make_node("MatMul", ["x", f"onnx::MatMul_{number}"], [f"y{number}"],
                                      name=f"/backbone/encoder/layer.0/{name}/MatMul"))  # fmt: skip
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items() if name != drop}
    stored = [numpy_helper.from_array(value, name) for name, value in values.items()]
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, WIDTH])
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [info], [], stored)), str(path))
    return {**values, **{name: values[f"onnx::MatMul_{n}"] for n, name in enumerate(matrices)}}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", WIDTH), ("DEPTH", 1), ("_GRID", GRID)):
        monkeypatch.setattr(dinov2, name, value)


def test_names_and_orders_are_timms(tmp_path: Path) -> None:
    values = small_file(tmp_path / "m.onnx")
    found = published_weights(tmp_path / "m.onnx", grid=GRID)
    rows = found["blocks.0.attn.qkv.weight"].numpy()
    for place, part in enumerate(("query", "key", "value")):  # timm stacks them in this order, out x in
        np.testing.assert_array_equal(rows[4 * place : 4 * place + 4], values[f"attention/attention/{part}"].T)
    np.testing.assert_array_equal(found["blocks.0.mlp.fc1.weight"].numpy(), values["mlp/fc1"].T)
    np.testing.assert_array_equal(found["pos_embed"][0, 0].numpy(), values["onnx::Concat_1"][0, 0])
    np.testing.assert_array_equal(found["pos_embed"][0, 1:].numpy(), values["onnx::Reshape_1"][0])
    assert published_weights(tmp_path / "m.onnx", grid=2)["pos_embed"].shape == (1, 5, WIDTH)


def test_the_projection_takes_the_pixels_of_this_project(tmp_path: Path) -> None:
    values = small_file(tmp_path / "m.onnx")
    found = published_weights(tmp_path / "m.onnx", grid=GRID)
    pixels = np.random.default_rng(1).uniform(size=(3, 2, 2))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    theirs = (pixels - mean[:, None, None]) / std[:, None, None]
    ours = (pixels * 255 - 127.5) / 128
    name = "backbone.embeddings.patch_embeddings.projection"
    expected = (values[f"{name}.weight"] * theirs).sum(axis=(1, 2, 3)) + values[f"{name}.bias"]
    got = (found["patch_embed.proj.weight"].numpy() * ours).sum(axis=(1, 2, 3)) + found["patch_embed.proj.bias"].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_another_network_is_refused(tmp_path: Path) -> None:
    small_file(tmp_path / "m.onnx", drop="backbone.layernorm.bias")
    with pytest.raises(AssetError, match="another network"):
        published_weights(tmp_path / "m.onnx", grid=GRID)
    (tmp_path / "n.onnx").write_bytes(b"no graph")
    with pytest.raises(AssetError, match="not an ONNX file"):
        published_weights(tmp_path / "n.onnx", grid=GRID)


def test_without_the_file_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path))
    with pytest.raises(MissingAssetError) as raised:
        load_trunk("dinov2_small", size=112, seed=0)
    assert raised.value.hint == "facewarden fetch dinov2_small"


def test_it_is_no_random_trunk_and_an_artifact_needs_no_file() -> None:
    assert not is_random("dinov2_small", pretrained=False)
    assert trunk_identity("dinov2_small", pretrained=False).startswith("sha256:198644e3")
    assert trunk_identity("dinov2_small:fresh", pretrained=False) == "fresh"
    assert without_weights("dinov2_small") == "dinov2_small:fresh"
    assert without_weights("face_vit") == "face_vit:fresh"
    assert without_weights("vit_tiny_patch16_224") == "vit_tiny_patch16_224"
    fresh = dinov2_small(size=28, weights=False, seed=1, depth=1)
    assert fresh(torch.zeros(1, 3, 28, 28)).shape == (1, 384)
