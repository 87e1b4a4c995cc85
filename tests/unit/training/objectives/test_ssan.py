"""Shuffled style assembly: norm and contrast by hand, the total from its terms, the reversal, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.nn.multimodal.assembly import StyledBlock, adaptive_instance_norm
from facewarden.pad.ssan import Ssan as Detector
from facewarden.training.objectives.ssan import Ssan, contrast_loss
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2, "width": 6, "domains": 3}
SOURCES = ("n", "s")


def faces() -> FaceBatch:
    return replace(make_batch(6, size=32), domain=("n", "n", "s", "s", "n", "s"), box=None, tasks={})


def detector() -> Detector:
    return Detector.untrained(TINY, seed=0).eval()


def test_a_style_is_the_mean_and_spread_of_a_map() -> None:
    maps = torch.randn(2, 3, 4, 5, generator=generator(0))
    gain, shift = torch.rand(2, 3, generator=generator(1)) + 0.5, torch.randn(2, 3, generator=generator(2))
    found = adaptive_instance_norm(maps, gain, shift)
    x = maps.double().numpy()
    wanted = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), ddof=1, keepdims=True) + 1e-5)
    wanted = wanted * gain.numpy()[..., None, None] + shift.numpy()[..., None, None]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    torch.testing.assert_close(found.mean(dim=(2, 3)), shift)
    block = StyledBlock(3).requires_grad_(False)
    inner = F.relu(adaptive_instance_norm(block.first(maps), gain, shift))
    wanted_block = maps + adaptive_instance_norm(block.second(inner), gain, shift)
    torch.testing.assert_close(block(maps, torch.stack([gain, shift], dim=1)), wanted_block)


def test_contrast_by_hand() -> None:
    """Same class and the same direction: -1; another class at 60 degrees: +1/2. Anchors have no gradient."""
    own = torch.tensor([[1.0, 0.0], [2.0, 0.0]], requires_grad=True)
    shuffled = torch.tensor([[3.0, 0.0], [0.5, math.sqrt(0.75)]], requires_grad=True)
    found = contrast_loss(own, shuffled, label=torch.tensor([1, 1]), other=torch.tensor([1, 0]))
    assert float(found.detach()) == pytest.approx((-1 + 0.5) / 2)
    found.backward()
    assert own.grad is None
    assert shuffled.grad is not None


def test_the_total_is_the_sum_of_its_terms() -> None:
    model, batch = detector(), faces()
    rule = Ssan(contrast=0.7, adversarial=0.4)
    rule.begin(domains=SOURCES, steps=10)
    torch.manual_seed(3)
    loss = rule(model, batch)
    output = model.parts(batch)
    torch.manual_seed(3)
    order = torch.randperm(6)
    shuffled = model.network.assembled(output.content, output.style[order])
    assert batch.label is not None
    same = batch.label == batch.label[order]
    cosine = F.cosine_similarity(output.features, shuffled, dim=-1)
    contrast = torch.where(same, -cosine, cosine).mean()
    adversary = F.cross_entropy(output.domain[:, :2], torch.tensor([0, 0, 1, 1, 0, 1]))
    entropy = F.binary_cross_entropy_with_logits(output.score, batch.label.float())
    torch.testing.assert_close(loss.total, entropy + 0.7 * contrast + 0.4 * adversary)


def test_the_adversary_pushes_the_content_the_other_way() -> None:
    """The released reversal is a method that torch never calls; here the sign does change."""
    model, batch = detector(), faces()
    model.requires_grad_(True)
    where = torch.tensor([0, 0, 1, 1, 0, 1])
    found = []
    for strength in (1.0, -1.0):
        model.network.reversal = strength
        model.zero_grad()
        F.cross_entropy(model.parts(batch).domain[:, :2], where).backward()
        gradient = next(model.network.to_content.parameters()).grad
        assert gradient is not None
        found.append(gradient.clone())
    torch.testing.assert_close(found[0], -found[1])
    rule = Ssan()
    rule.begin(domains=SOURCES, steps=4)
    rule.load_state_dict({**rule.state_dict(), "taken": 2})
    rule(model, batch)
    assert model.network.reversal == pytest.approx(2 / (1 + math.exp(-5)) - 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="content and style"):
        Ssan(sources=("lab",))(TinyDetector(), make_batch(4))
    with pytest.raises(BadInputError, match="domain"):
        Ssan(sources=SOURCES)(detector(), replace(faces(), domain=None))
    with pytest.raises(BadInputError, match="samples of s in training"):
        Ssan(sources=("n",))(detector(), faces())
    with pytest.raises(BadInputError, match="4 source domains"):
        Ssan(sources=(*SOURCES, "e", "w"))(detector(), faces())
    with pytest.raises(BadInputError, match="none below zero"):
        Ssan(contrast=-1.0)
