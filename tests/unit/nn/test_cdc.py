from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.cdc import CentralDifferenceConv2d, fold_central_difference
from stand_ins import generator


def layer(theta: float) -> CentralDifferenceConv2d:
    made = CentralDifferenceConv2d(3, 4, theta=theta)
    made.weight.data = torch.randn(4, 3, 3, 3, generator=generator(1))
    return made


def test_theta_zero_is_a_plain_convolution() -> None:
    maps = torch.randn(2, 3, 6, 6, generator=generator(0))
    plain = layer(0.0)
    torch.testing.assert_close(plain(maps), conv2d(maps, plain.weight, padding=1))


def test_it_is_the_convolution_less_theta_times_the_summed_kernel() -> None:
    maps = torch.randn(2, 3, 6, 6, generator=generator(0))
    mixed = layer(0.5)
    summed = mixed.weight.sum(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(mixed(maps), conv2d(maps, mixed.weight, padding=1) - 0.5 * conv2d(maps, summed))


def test_a_single_pixel_sees_the_lowered_center_alone() -> None:
    token = torch.randn(2, 3, 1, 1, generator=generator(0))
    mixed = layer(0.5)
    center = mixed.weight[:, :, 1, 1] - 0.5 * mixed.weight.sum(dim=(2, 3))
    torch.testing.assert_close(mixed(token)[..., 0, 0], token[..., 0, 0] @ center.T)


def test_constant_maps_vanish_inside_at_theta_one() -> None:
    inside = layer(1.0)(torch.full((1, 3, 5, 5), 0.7))[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.zeros_like(inside), atol=1e-5, rtol=0)


def test_an_even_kernel_has_no_center() -> None:
    with pytest.raises(BadInputError, match="center"):
        fold_central_difference(torch.zeros(1, 1, 2, 2), theta=0.5)
