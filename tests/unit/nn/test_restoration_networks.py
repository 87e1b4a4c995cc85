"""RED-Net and U-Net: published sizes, shapes, skips where they belong, and an identity to start from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.nn.rednet import REDNet, even_sides
from facewarden.nn.unet import UNet
from stand_ins import generator


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def seeded(network: nn.Module) -> nn.Module:
    for number, parameter in enumerate(network.parameters()):
        parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator(number))
    return network.eval()


@pytest.mark.parametrize(("layers", "expected"), [(10, 298_947), (20, 668_227), (30, 1_037_507)])
def test_rednet_has_the_published_number_of_parameters(layers: int, expected: int) -> None:
    assert size(REDNet(layers=layers)) == expected


def test_the_unet_is_small_and_faster_than_rednet() -> None:
    assert size(UNet()) <= 2_000_000
    assert 5 * multiplications(UNet()) < multiplications(REDNet())


def multiplications(network: nn.Module) -> int:
    """Products of all convolutions for one 112 px face, counted as they run."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        places = output.shape[-1] * output.shape[-2]
        if isinstance(layer, nn.ConvTranspose2d):
            places //= layer.stride[0] ** 2
        total += places * layer.weight.numel()  # type: ignore[operator]

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 112, 112))
    return total


@pytest.mark.parametrize("network", [REDNet(layers=10), REDNet(), UNet(), REDNet(layers=10, stride=1)])
@pytest.mark.parametrize("shape", [(112, 112), (64, 48), (37, 50), (1, 1), (2, 5)])
def test_the_shape_stays(network: nn.Module, shape: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *shape, generator=generator(0))
    assert network(images).shape == images.shape


def test_rednet_without_its_last_layer_is_the_identity_and_never_negative() -> None:
    network, images = REDNet(), torch.rand(1, 3, 20, 16, generator=generator(0))
    nn.init.zeros_(network.decoder[-1].weight)
    nn.init.zeros_(network.decoder[-1].bias)
    assert torch.equal(network(images), images)
    nn.init.constant_(network.decoder[-1].bias, -3.0)
    assert float(network(images).detach().min()) == 0.0


def test_an_untrained_unet_is_the_identity() -> None:
    images = torch.rand(1, 3, 20, 17, generator=generator(0))
    assert torch.equal(UNet()(images), images)


@pytest.mark.parametrize("layers", [20, 30])
def test_the_skips_join_as_published(layers: int) -> None:
    network, x = seeded(REDNet(layers=layers)), torch.rand(1, 3, 8, 8, generator=generator(5))
    half, stored = layers // 2, {}
    y = x
    for i in range(1, half + 1):
        y = torch.relu(network.encoder[i - 1](y))
        stored[i] = y
    skips = list(range(2, half - half % 2, 2)) if layers == 20 else list(range(2, 15, 2))
    joins = dict(zip(range(1, half, 2), reversed(skips), strict=False))
    for i in range(1, half):
        y = torch.relu(network.decoder[i - 1](y))
        if i in joins:
            y = torch.relu(y + stored[joins[i]])
    expected = torch.relu(network.decoder[-1](y) + x)
    assert joins == ({1: 8, 3: 6, 5: 4, 7: 2} if layers == 20 else {1: 14, 3: 12, 5: 10, 7: 8, 9: 6, 11: 4, 13: 2})
    assert torch.equal(network(x), expected)


@pytest.mark.parametrize("network", [REDNet(), UNet()])
def test_every_parameter_learns(network: nn.Module) -> None:
    images = torch.rand(2, 3, 16, 16, generator=generator(1))
    seeded(network)(images).square().sum().backward()
    silent = [name for name, parameter in network.named_parameters() if not float(parameter.grad.abs().sum()) > 0]
    assert not silent


@pytest.mark.parametrize("network", [REDNet(), UNet()])
def test_company_changes_nothing(network: nn.Module) -> None:
    images = torch.rand(3, 3, 16, 16, generator=generator(1))
    together = seeded(network)(images)
    torch.testing.assert_close(network(images[1:2]), together[1:2], atol=1e-5, rtol=0)


def test_sides_are_mirrored_up_to_a_multiple() -> None:
    row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    assert even_sides(row, multiple=1) is row
    padded = even_sides(row.expand(1, 1, 4, 3), multiple=4)
    assert padded[0, 0, 0].tolist() == [1.0, 2.0, 3.0, 2.0]
    assert padded.shape == (1, 1, 4, 4)


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(BadInputError, match="12 layers"):
        REDNet(layers=12)
    with pytest.raises(BadInputError, match="at least one width"):
        UNet(widths=())
