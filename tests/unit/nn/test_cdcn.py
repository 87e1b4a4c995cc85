"""CDCN: published sizes, one eighth of the side, a branch that is silenced."""

from __future__ import annotations

import torch

from facewarden.nn.multimodal.cdcn import CdcnBranch, MultimodalCdcn
from stand_ins import generator


def test_channels_are_the_published_ones() -> None:
    branch = CdcnBranch(width=128, theta=0.7)
    shapes = [tuple(p.shape[:2]) for name, p in branch.named_parameters() if p.ndim == 4]
    level = [(128, 128), (196, 128), (128, 196)]
    assert shapes == [(64, 3), (128, 64), (196, 128), (128, 196), *level, *level, (128, 3 * 128)]


def test_the_map_has_one_eighth_of_the_side_and_may_be_negative() -> None:
    network = MultimodalCdcn(width=4).eval()
    painted, features = network(torch.randn(3, 2, 3, 48, 48, generator=generator(0)))
    assert painted.shape == (2, 1, 6, 6)
    assert features.shape == (2, 4)


def test_a_silenced_branch_has_no_influence() -> None:
    network = MultimodalCdcn(width=4).eval()
    images = torch.randn(3, 2, 3, 16, 16, generator=generator(0))
    other = images.clone()
    other[2, 0] += 1.0
    weight = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    assert torch.equal(network(images, weight=weight)[0], network(other, weight=weight)[0])
    assert not torch.equal(network(images)[0], network(other)[0])
    assert {owner for _, _, owner in network.owned()} == {"rgb", "depth", "infrared", None}
