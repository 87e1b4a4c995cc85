"""Equalized pictures: what a gain, an offset or a flat picture leaves."""

from __future__ import annotations

import pytest
import torch

from facewarden.nn.equalized import FLOOR, equalized
from facewarden.nn.multitask_net import MultitaskNet


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(3, 3, 16, 20, generator=torch.Generator().manual_seed(0))


def test_every_channel_has_mean_0_and_the_deviation_of_the_formula(pictures: torch.Tensor) -> None:
    found = equalized(pictures)
    spread = pictures.std(dim=(2, 3), unbiased=False)
    torch.testing.assert_close(found.mean(dim=(2, 3)), torch.zeros(3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.std(dim=(2, 3), unbiased=False), spread / (spread + FLOOR))


def test_no_gain_and_offset_of_a_channel_is_left(pictures: torch.Tensor) -> None:
    gain, offset = torch.tensor([0.5, 0.9, 0.6]).view(1, 3, 1, 1), torch.tensor([0.3, 0.0, 0.1]).view(1, 3, 1, 1)
    # the floor weighs more where the contrast is lower: with half of it, 1/255 of a deviation of .29 twice
    torch.testing.assert_close(equalized(pictures * gain + offset), equalized(pictures), atol=0.03, rtol=0.02)
    assert not torch.allclose(equalized(pictures**2), equalized(pictures), atol=0.03), "an exponent is left"


def test_a_flat_picture_gives_zeros_and_a_finite_gradient() -> None:
    flat = torch.full((1, 3, 8, 8), 0.4, requires_grad=True)
    found = equalized(flat)
    assert float(found.detach().abs().max()) < 1e-4
    found.sum().backward()
    assert flat.grad is not None
    assert bool(torch.isfinite(flat.grad).all())


def test_a_network_of_equalized_pictures_decides_alike_in_another_cast(pictures: torch.Tensor) -> None:
    large = torch.nn.functional.interpolate(pictures, size=(64, 64), mode="bilinear")
    cast = large * torch.tensor([1.0, 0.7, 0.5]).view(1, 3, 1, 1)

    def apart(*, equal: bool) -> float:
        torch.manual_seed(0)
        network = MultitaskNet("mobilenetv3_small_100", heads=["live"], size=64, equal=equal).eval()
        with torch.no_grad():
            first, second = (network(images)[1] for images in (large, cast))
        return float((first - second).norm() / first.norm())

    assert apart(equal=True) < 0.1 * apart(equal=False)
