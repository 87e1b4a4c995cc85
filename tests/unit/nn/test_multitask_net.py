"""Backbones with heads: shapes for every backbone, map heads against a computation by hand, names that are refused."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.tasks import HEADS
from facewarden.nn.multitask_net import BACKBONES, MultitaskNet

SHAPES = {
    "live": (1, 2), "attributes": (1, 40), "spoof_type": (1, 11), "illumination": (1, 5), "depth_map": (1, 1, 14, 14),
    "reflection_map": (1, 3, 14, 14),
}  # fmt: skip


@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_every_backbone_carries_all_heads_and_passes_gradients_to_the_pixels(backbone: str) -> None:
    size = 32 if backbone == "vgg16_bn" else 64  # it costs ten times what the others do
    network = MultitaskNet(backbone, heads=HEADS, size=size).eval()
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    found, features = network(images)
    assert {head: tuple(value.shape) for head, value in found.items()} == SHAPES
    assert features.shape == (1, network.vectors["live"].in_features)
    sum(value.square().mean() for value in found.values()).backward()
    assert images.grad is not None
    assert bool(torch.isfinite(images.grad).all())
    assert float(images.grad.abs().sum()) > 0


def test_swin_gives_features_on_the_same_grid_as_its_own_last_map() -> None:
    network = MultitaskNet("swin_tiny", heads=("live",), size=64).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        spatial = network.trunk((images - network.mean) / network.std)
        last = network.trunk.network.forward_features((images - network.mean) / network.std)
    assert spatial.shape == (1, 768, 2, 2)
    assert torch.equal(spatial[0, :, 1, 0], last[0, 1, 0])


def test_a_map_head_is_a_convolution_a_sigmoid_and_then_an_enlargement() -> None:
    network = MultitaskNet("mobilenetv3_small_100", heads=("live", "depth_map"), size=64).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        spatial = network.trunk((images - network.mean) / network.std)
        small = torch.sigmoid(functional.conv2d(spatial, network.maps["depth_map"].weight, padding=1))
        wanted = functional.interpolate(small, size=(14, 14), mode="bilinear", align_corners=False)
        found, features = network(images)
    torch.testing.assert_close(found["depth_map"], wanted)
    torch.testing.assert_close(features, spatial.flatten(2).mean(dim=2))
    torch.testing.assert_close(found["live"], network.vectors["live"](features))
    assert network.maps["depth_map"].bias is None


def test_only_the_heads_that_are_asked_for_exist_in_one_order() -> None:
    network = MultitaskNet("mobilenetv3_small_100", heads=("reflection_map", "live"), size=64)
    assert network.heads == ("live", "reflection_map")
    assert not any("depth" in name or "attributes" in name for name in network.state_dict())


@pytest.mark.parametrize(
    ("backbone", "heads", "words"),
    [
        ("alexnet", ("live",), "alexnet"),
        ("resnet18", ("attributes",), "attributes"),
        ("resnet18", ("live", "live"), "live, live"),
        ("resnet18", ("live", "smile"), "smile"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(backbone: str, heads: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInputError, match=words) as raised:
        MultitaskNet(backbone, heads=heads, size=64)
    assert raised.value.hint


def test_a_size_that_the_backbone_cannot_see_is_refused() -> None:
    with pytest.raises(BadInputError, match="cannot see"):
        MultitaskNet("vgg16_bn", heads=("live",), size=8)
