"""IADG's terms against numpy: styles, covariances, what follows the style, base styles far from each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.nn.multimodal.restyled import restyled, style_of
from facewarden.pad.iadg import Iadg as Detector
from facewarden.training.objectives.iadg import Iadg, covariances, farthest, whitening_loss
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2, "width": 6}


def faces(seed: int = 0) -> FaceBatch:
    return replace(make_batch(6, size=32, seed=seed), domain=("n",) * 6, box=None, tasks={})


def detector() -> Detector:
    return Detector.untrained(TINY, seed=0).eval()


def test_restyling() -> None:
    maps = torch.randn(2, 3, 4, 4, generator=generator(0))
    style = style_of(torch.randn(2, 3, 4, 4, generator=generator(1)) * 2 + 1)
    x = maps.double().numpy()
    mean, deviation = style.double().numpy().transpose(1, 0, 2)
    normal = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), ddof=1, keepdims=True) + 1e-5)
    wanted = x + normal * deviation[..., None, None] + mean[..., None, None]
    np.testing.assert_allclose(restyled(maps, style).numpy(), wanted, atol=1e-4)


def test_whitening() -> None:
    maps = torch.randn(4, 3, 2, 5, generator=generator(2))
    x = maps.double().numpy().reshape(4, 3, 10)
    cov = np.stack([one @ one.T / 9 + 1e-5 * np.eye(3) for one in x])
    np.testing.assert_allclose(covariances(maps).numpy(), cov, atol=1e-5)
    masks = {0: torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]]), 1: torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, 0]])}
    label = torch.tensor([0, 1, 1, 0])
    attack = np.mean([(abs(cov[i, 0, 1]) + abs(cov[i, 1, 2])) / 2 for i in (0, 3)])
    real = np.mean([abs(cov[i, 0, 2]) for i in (1, 2)])
    assert float(whitening_loss(maps, label, masks)) == pytest.approx((attack + real) / 2, rel=1e-5)
    assert float(whitening_loss(maps, torch.zeros(4), {1: masks[1]})) == 0.0


def test_base_styles_are_far_from_each_other() -> None:
    points = torch.tensor([[0.0], [1.0], [10.0], [4.0]])
    assert farthest(points, 3, start=0).tolist() == [0, 2, 3]
    assert farthest(points, 9, start=5).tolist() == [1, 2, 3, 0]


def ready() -> tuple[Detector, Iadg]:
    model, rule = detector(), Iadg(styles=2)
    rule.refresh(model, [faces(0), faces(1)], epoch=0)
    assert not rule.bases, "nothing before the first epoch"
    rule.refresh(model, [faces(0), faces(1)], epoch=1, seed=3)
    return model, rule


def test_what_varies_with_the_style_is_whitened() -> None:
    model, rule = ready()
    styles = style_of(torch.cat([model.parts(faces(0)).maps, model.parts(faces(1)).maps])).detach()
    label = torch.arange(12) % 2
    for kind in range(2):
        own = {tuple(np.round(x.flatten().tolist(), 5)) for x in styles[label == kind]}
        assert {tuple(np.round(x.flatten().tolist(), 5)) for x in rule.bases[kind]} <= own
        assert rule.masks[kind].sum() == 1, "0.06 or 0.3 % of 36 entries, at least one"
        assert float(rule.masks[kind].tril().sum()) == 0.0
    varied = torch.zeros(5, 6, 3, 3)
    varied[:, 1], varied[:, 4] = 1.0, torch.arange(5.0)[:, None, None]
    assert rule._sensitive(varied, 1).nonzero().tolist() == [[1, 4]]


def test_the_total_is_the_sum_of_its_terms() -> None:
    model, rule = ready()
    batch = faces(0)
    torch.manual_seed(5)
    loss = rule(model, batch)
    maps, label = model.parts(batch).maps, batch.label
    assert label is not None
    torch.manual_seed(5)
    for _ in range(2):
        style = torch.zeros(6, 2, 6)
        for kind, base in rule.bases.items():
            rows = (label == kind).nonzero().flatten()
            shares = torch.distributions.Dirichlet(torch.full((2,), 0.5)).sample((3,))
            style[rows] = (shares[:, :, None, None] * base[None]).sum(dim=1)
        maps = restyled(maps, style)
    other = model.network.final(maps)
    score = model.network.classified(other)[0]
    own = model.parts(batch)
    total = (
        F.binary_cross_entropy_with_logits(own.score, label.float())
        + F.binary_cross_entropy_with_logits(score, label.float())
        + whitening_loss(model.network.final(own.maps), label, rule.masks) + whitening_loss(other, label, rule.masks)
    )  # fmt: skip
    torch.testing.assert_close(loss.total, total)
    first = Iadg()(model, batch)
    torch.testing.assert_close(first.total, F.binary_cross_entropy_with_logits(own.score, label.float()))


def test_it_is_gone_on_with_and_what_cannot_be_is_refused() -> None:
    model, rule = ready()
    again: Any = Iadg(styles=2)
    again.load_state_dict(rule.state_dict())
    torch.manual_seed(1)
    one = rule(model, faces()).total
    torch.manual_seed(1)
    assert torch.equal(again(model, faces()).total, one)
    with pytest.raises(ContractError, match="maps with styles"):
        Iadg()(TinyDetector(), make_batch(4))
    with pytest.raises(BadInputError, match="styles 0"):
        Iadg(styles=0)
    with pytest.raises(BadInputError, match="no training sample"):
        Iadg().refresh(model, [faces().select([0, 2])], epoch=1)
