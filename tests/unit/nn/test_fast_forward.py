"""A network in onnxruntime says what torch says, and torch computes wherever there is a reason for it."""

from __future__ import annotations

import copy
import logging
import pickle
import sys

import pytest
import torch
from torch import Tensor, nn

from facewarden.nn.fast_forward import FastForward, in_torch
from facewarden.nn.minifasnet import PLANS, MiniFasNetwork
from facewarden.nn.restorer import build_restorer
from facewarden.purifiers.puface import PuFace
from stand_ins import make_faces


class Scaled(nn.Module):
    """Says another thing in a graph than in torch."""

    def forward(self, images: Tensor) -> Tensor:
        return images * (1.0 if torch.onnx.is_in_onnx_export() else 1.001)


@pytest.fixture
def network() -> nn.Module:
    pytest.importorskip("onnxruntime")
    made = build_restorer({"body": "unet", "widths": [8, 12], "contrast": 12.0}, seed=1)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(0))
    return made.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def test_both_engines_are_equal_for_any_batch(network: nn.Module) -> None:
    fast = FastForward(network, (3, 32, 32))
    for count in (1, 2, 5):
        images = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count))
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            assert (fast(images) - network(images)).abs().max() < 1e-5
    assert fast.engine == "onnxruntime"


def test_torch_computes_where_it_is_asked_to(network: nn.Module) -> None:
    fast = FastForward(network, (3, 32, 32))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        with in_torch():
            assert torch.equal(fast(images), network(images))
        assert fast.engine == "torch"
        fast(images)
    assert fast.engine == "onnxruntime"


def test_torch_computes_gradients_other_sizes_types_and_changed_weights(network: nn.Module) -> None:
    fast = FastForward(network, (3, 32, 32))
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    followed = images.clone().requires_grad_()
    fast(followed).sum().backward()
    assert followed.grad is not None
    assert followed.grad.abs().sum() > 0
    assert fast.engine == "torch"  # not even opened
    with torch.no_grad():
        assert fast(torch.rand(1, 3, 28, 36)).shape == (1, 3, 28, 36)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fast(images)
        assert fast.engine == "torch"
        before = fast(images)
        assert fast.engine == "onnxruntime"
        next(iter(network.parameters())).mul_(1.5)
        assert torch.equal(fast(images), network(images))
        assert not torch.equal(fast(images), before)


def test_copies_open_a_session_of_their_own(network: nn.Module) -> None:
    fast = FastForward(network, (3, 32, 32))
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        found = fast(images)
        for made in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
            assert made.engine == "torch"
            assert torch.equal(made(images), found)
            assert made.engine == "onnxruntime"


def test_it_fails_closed(network: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad(), caplog.at_level(logging.WARNING, "facewarden"):
        wrong = FastForward(Scaled().eval(), (3, 32, 32))
        assert torch.equal(wrong(images), images * 1.001)
        assert wrong.engine == "torch"
        assert "torch computes" in caplog.text
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        absent = FastForward(network, (3, 32, 32))
        assert torch.equal(absent(images), network(images))


def test_a_network_of_two_outputs() -> None:
    pytest.importorskip("onnxruntime")
    network = MiniFasNetwork(PLANS["MiniFASNetV2"]).requires_grad_(False).eval()
    fast = FastForward(network, (3, 80, 80), largest=255.0)
    images = 255 * torch.rand(3, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for found, plain in zip(fast(images), network(images), strict=True):
            assert found.shape == plain.shape
            assert (found - plain).abs().max() <= 1e-5 * max(1.0, float(plain.abs().max()))
    assert fast.engine == "onnxruntime"


def test_the_shipped_purifier_is_equal_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    model, faces = PuFace(), make_faces(3, seed=1)
    with torch.no_grad():
        fast = model(faces)
    assert model.engine == "onnxruntime"
    plain = model(faces)  # gradients are recorded here
    assert (fast - plain).abs().max() < 1e-5
    again = copy.deepcopy(model)
    with torch.no_grad():
        assert torch.equal(again(faces), fast)


@pytest.mark.parametrize(("steepest", "kept"), [(0.9, 0), (1.0, 0), (1.5, 1)])
def test_slopes_up_to_one_are_written_as_the_larger_of_two(steepest: float, kept: int) -> None:
    onnx = pytest.importorskip("onnx")
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.PReLU(3), nn.PReLU()).requires_grad_(False).eval()
    network[1].weight.copy_(torch.tensor([-0.5, 0.25, steepest]))
    fast, images = FastForward(network, (3, 8, 8)), 2 * torch.rand(2, 3, 8, 8) - 1
    graph = onnx.load_from_string(fast._recorded(images)).graph
    assert sum(node.op_type == "PRelu" for node in graph.node) == kept
    with torch.no_grad():
        assert (fast(images) - network(images)).abs().max() < 1e-6
    assert fast.engine == "onnxruntime"
    assert isinstance(network[1], nn.PReLU), "the network itself stays"
