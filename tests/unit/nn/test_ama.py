"""Multimodal adapters: the formula written out, what is masked is not heard, the score is the mean of the present."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.ama import FlexibleVit, MultimodalAdapter
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator

HIDDEN = 2


def adapter() -> MultimodalAdapter:
    made = MultimodalAdapter(6, hidden=HIDDEN)
    for number, parameter in enumerate(made.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(number)) * 0.4
    return made


def tokens() -> Tensor:
    return torch.randn(3, 2, 5, 6, generator=generator(50))


def test_it_is_the_formula() -> None:
    made, x = adapter(), tokens()
    with torch.no_grad():
        narrow = [F.gelu(made.down[m](x[i])) for i, m in enumerate(MODALITIES)]
        beside = torch.cat(narrow, dim=-1)
        maps = beside[:, 1:].transpose(1, 2).reshape(2, 3 * HIDDEN, 2, 2)
        patches = F.conv2d(maps, made.conv.weight, padding=1).flatten(2).transpose(1, 2)
        first = F.conv2d(beside[:, 0, :, None, None], made.conv.weight, padding=1)[:, :, 0, 0]
        together = F.gelu(torch.cat([first[:, None], patches], dim=1))
        shares = torch.sigmoid(made.weigh(maps.mean(dim=(2, 3))))
        for i, m in enumerate(MODALITIES):
            expected = made.up[m](shares[:, i, None, None] * together + narrow[i])
            torch.testing.assert_close(made(x, None)[i], expected, atol=1e-5, rtol=1e-5)


def test_a_fresh_one_adds_nothing() -> None:
    assert float(MultimodalAdapter(6, hidden=2)(tokens(), None).abs().sum().detach()) == 0.0


def test_what_is_masked_changes_nothing_elsewhere() -> None:
    made, x = adapter(), tokens()
    weight = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    other = x.clone()
    other[1, 0] += 3.0
    assert torch.equal(made(other, weight)[0::2], made(x, weight)[0::2])
    assert not torch.equal(made(other, None)[0::2], made(x, None)[0::2])


def test_the_score_is_that_of_the_mean_class_token_of_what_is_there() -> None:
    trunk = make_trunk(TrunkShape(size=32, patch=16, width=24, depth=2, heads=3), seed=0)
    network = FlexibleVit(StreamVit(trunk, make_adapter=lambda dim: MultimodalAdapter(dim, hidden=2))).eval()
    images = torch.randn(3, 2, 3, 32, 32, generator=generator(1))
    score, found = network(images, weight=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    expected = torch.stack([(found[0, 0] + found[2, 0]) / 2, found[1, 1]])
    torch.testing.assert_close(score, network.head(expected)[:, 0])
    torch.testing.assert_close(network(images)[0], network.head(found.mean(dim=0))[:, 0])
