"""The network's shapes, the loading in order, and the folding of batch normalization against torch's own layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.nn.minifasnet import PLANS, MiniFasNetwork, fold_batch_norm


@pytest.mark.parametrize("plan", list(PLANS))
def test_it_takes_its_size_and_gives_three_classes(plan: str) -> None:
    network = MiniFasNetwork(PLANS[plan]).eval()
    size = PLANS[plan].size
    with torch.no_grad():
        logits, embedding = network(torch.rand(2, 3, size, size))
    assert logits.shape == (2, 3)
    assert embedding.shape == (2, 128)


def test_the_128_px_variant_has_the_size_of_the_published_file() -> None:
    count = sum(parameter.numel() for parameter in MiniFasNetwork(PLANS["MiniFASNetV2SE-128"]).parameters())
    assert count == 468_176  # "469k" as the file counts its unmerged batch normalization


def test_folded_layers_compute_what_the_pair_does() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.1, 3.0)
    norm.eval()
    x = torch.rand(2, 4, 9, 9)
    weight, bias = fold_batch_norm(
        conv.weight.detach(), norm.running_mean, norm.running_var, gain=norm.weight.detach(), shift=norm.bias.detach()
    )
    torch.testing.assert_close(nn.functional.conv2d(x, weight, bias), norm(conv(x)), atol=1e-5, rtol=1e-5)


def test_loading_in_order_restores_and_freezes() -> None:
    first, second = (MiniFasNetwork(PLANS["MiniFASNetV2"]) for _ in range(2))
    second.load_in_order([p.detach().clone() for p in first.parameters()], source="test")
    x = torch.rand(1, 3, 80, 80)
    torch.testing.assert_close(second(x)[0], first.eval()(x)[0])
    assert not any(p.requires_grad for p in second.parameters())


def test_tensors_of_another_network_are_refused() -> None:
    network = MiniFasNetwork(PLANS["MiniFASNetV2"])
    tensors = [p.detach() for p in network.parameters()]
    with pytest.raises(BadInputError, match=r"a\.pth: .* tensors"):
        network.load_in_order(tensors[:-1], source="a.pth")
    with pytest.raises(BadInputError, match=r"a\.pth: body\.0\.0\.weight"):
        network.load_in_order([tensors[1], tensors[0], *tensors[2:]], source="a.pth")
