"""Half precision stays in the trunk: what a head says has the steps of float32."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from facewarden.nn.multimodal.ama import FlexibleVit, MultimodalAdapter
from facewarden.nn.multimodal.mmdg_vit import MmdgVit
from facewarden.nn.multimodal.ssdg_vit import SsdgVit
from facewarden.nn.multimodal.stream_heads import StreamClassifier
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator

SHAPE = TrunkShape(size=32, patch=16, width=24, depth=2, heads=3)


def plain() -> StreamVit:
    return StreamVit(make_trunk(SHAPE, seed=0), make_adapter=partial(MultimodalAdapter, hidden=4))


def ssdg() -> tuple[nn.Module, Callable[..., list[Tensor]]]:
    network = SsdgVit(plain(), width=16, domains=3, dropout=0.0, sharpness=16.0)
    return network, lambda x: [network(x).logits]


def mmdg() -> tuple[nn.Module, Callable[..., list[Tensor]]]:
    network = MmdgVit(make_trunk(SHAPE, seed=0), seed=0)
    return network, lambda x: [network(x).logits]


def classifier() -> tuple[nn.Module, Callable[..., list[Tensor]]]:
    network = StreamClassifier(plain(), branches=True)
    return network, lambda x: [network(x).score, network(x).alone]


def flexible() -> tuple[nn.Module, Callable[..., list[Tensor]]]:
    network = FlexibleVit(plain())
    return network, lambda x: [network(x)[0]]


@pytest.mark.parametrize("make", [classifier, flexible, ssdg, mmdg])
def test_heads_are_exact_under_autocast(make: Callable[[], tuple[nn.Module, Callable[..., list[Tensor]]]]) -> None:
    network, outputs = make()
    network.eval()
    images = torch.randn(3, 16, 3, 32, 32, generator=generator(1))
    with torch.no_grad():
        exact = outputs(images)
        with torch.autocast("cpu", torch.bfloat16):
            found = outputs(images)
    for one, wanted in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        coarse = (one.bfloat16().float() == one).double().mean()
        assert coarse < 0.2, "the values are those of bfloat16"
        torch.testing.assert_close(one, wanted, atol=0.1, rtol=0.1)
