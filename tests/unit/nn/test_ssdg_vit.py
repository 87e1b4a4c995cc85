"""Reversal and the normalized embedding: signs of gradients, cosines, an adversary that pushes the other way."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from facewarden.nn.multimodal.reversal import reverse_gradient
from facewarden.nn.multimodal.ssdg_vit import SsdgVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator


def network() -> SsdgVit:
    trunk = make_trunk(TrunkShape(size=32, patch=16, width=24, depth=2, heads=3), seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SsdgVit(StreamVit(trunk), width=16, domains=3, dropout=0.5, sharpness=8.0).eval()


def images() -> torch.Tensor:
    return torch.randn(3, 4, 3, 32, 32, generator=generator(1))


def test_values_stay_and_gradients_turn() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, strength=0.25)
    assert torch.equal(y, x)
    (y * torch.tensor([3.0, 5.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-0.75, -1.25]


def test_logits_are_cosines_times_the_sharpness() -> None:
    made = network()
    output = made(images())
    torch.testing.assert_close(output.features.norm(dim=1), torch.ones(4))
    for k in range(2):
        cosine = F.cosine_similarity(output.features, made.classify.weight[k : k + 1])
        torch.testing.assert_close(output.logits[:, k], 8.0 * cosine)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_adversary_s_loss_pushes_features_the_other_way_only(strength: float) -> None:
    made = network()
    wanted = torch.tensor([0, 1, 2, 0])
    taken = []
    for reversal in (strength, -1.0):  # -1 is no reversal at all
        made.reversal = reversal
        made.zero_grad()
        F.cross_entropy(made(images()).domain, wanted).backward()
        layer = made.adversary[0]
        assert isinstance(layer, torch.nn.Linear)
        taken.append((made.embed[0].weight.grad.clone(), layer.weight.grad.clone()))
    torch.testing.assert_close(taken[0][0], -strength * taken[1][0])
    torch.testing.assert_close(taken[0][1], taken[1][1])
    assert float(taken[1][0].abs().sum()) > 0
