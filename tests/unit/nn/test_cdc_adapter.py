"""Convolutional adapters: the published formula written out, the class token, zero at the start, no exchange."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters.cdc_adapter import CdcAdapter, CdcAdapters, convolve_tokens
from stand_ins import generator


def awake(adapter: torch.nn.Module) -> torch.nn.Module:
    for number, parameter in enumerate(adapter.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(number)) * 0.3
    return adapter


def tokens(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(50))


def test_it_is_the_formula_with_the_central_difference_written_as_two_convolutions() -> None:
    adapter, x = CdcAdapter(6, hidden=3, theta=0.7), tokens(2, 10, 6)
    awake(adapter)
    inside = F.gelu(x @ adapter.down.weight.T + adapter.down.bias)
    weight = adapter.conv.weight

    def cdc(maps: Tensor) -> Tensor:
        return F.conv2d(maps, weight, padding=1) - 0.7 * F.conv2d(maps, weight.sum(dim=(2, 3), keepdim=True))

    maps = inside[:, 1:].transpose(1, 2).reshape(2, 3, 3, 3)
    patches = cdc(maps).flatten(2).transpose(1, 2)
    first = cdc(inside[:, 0, :, None, None])[:, :, 0, 0]
    expected = F.gelu(torch.cat([first[:, None], patches], dim=1)) @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(x), expected, atol=1e-5, rtol=1e-5)


def test_the_released_form_has_quick_gelu_and_dropout_in_training() -> None:
    adapter, x = CdcAdapter(6, hidden=3, theta=0.7, activation="quick_gelu", dropout=0.1), tokens(2, 10, 6)
    awake(adapter)

    def act(values: Tensor) -> Tensor:
        return values / (1 + (-1.702 * values).exp())

    inside = act(x @ adapter.down.weight.T + adapter.down.bias)
    active = act(convolve_tokens(inside, adapter.conv.folded))
    adapter.eval()
    torch.testing.assert_close(adapter(x), active @ adapter.up.weight.T + adapter.up.bias, atol=1e-5, rtol=1e-5)
    torch.manual_seed(0)
    adapter.train()
    adapter.up.weight.data, adapter.up.bias.data = torch.eye(6)[:, :3], torch.zeros(6)
    seen = adapter(tokens(40, 10, 6))[..., :3]
    assert float((seen == 0).float().mean()) == pytest.approx(0.1, abs=0.03)


def test_the_convolution_of_tokens_sees_neighbors_and_the_class_token_itself() -> None:
    x = torch.zeros(1, 10, 1)
    x[0, 0], x[0, 5] = 2.0, 1.0  # class token, middle patch
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = convolve_tokens(x, kernel)[0, :, 0]
    assert found[0] == 2.0 * 4
    assert found[1:].tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_a_fresh_one_adds_nothing_and_modalities_do_not_meet() -> None:
    x = tokens(3, 2, 5, 6)
    fresh = CdcAdapters(6, hidden=3, theta=0.5)
    assert float(fresh(x, None).abs().sum().detach()) == 0.0
    adapters = awake(fresh)
    other = x.clone()
    other[1] += 1.0
    changed = (adapters(other, None) != adapters(x, None)).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
    assert {name.split(".")[1] for name, _ in adapters.named_parameters()} == set(MODALITIES)
