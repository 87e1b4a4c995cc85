"""DADM's objective: the total from its terms, its switches, whose head learns, what is refused, what is rebalanced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.dadm import Dadm as Detector
from facewarden.training.objectives.dadm import Dadm
from facewarden.training.objectives.parts.alignment import angle_loss, information_loss
from facewarden.training.objectives.parts.prototypes import prototype_losses
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2, "width": 8, "places": 4}
SOURCES = ("n", "s")


def faces() -> FaceBatch:
    return replace(make_batch(6, size=32), domain=("n", "n", "s", "s", "n", "s"), box=None, tasks={})


def detector(**settings: Any) -> Detector:
    model = Detector.untrained({**TINY, **settings}, seed=0).eval()
    for name, parameter in model.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return model


def ready(rule: Dadm) -> Dadm:
    rule.prototypes.values = torch.randn(3, 3, 192, generator=generator(1))
    rule.prototypes.seen = torch.ones(3, 3, dtype=torch.bool)
    return rule


def test_the_total_is_the_sum_of_its_terms() -> None:
    model, batch = detector(), faces()
    rule = ready(Dadm(sources=SOURCES, angle=0.2, mutual=0.5, factor=0.3))
    loss = rule(model, batch)
    output = model.streams(batch)
    assert batch.label is not None
    assert output.by_domain is not None
    assert output.information is not None
    where = torch.tensor([0, 0, 1, 1, 0, 1])
    # the mean over samples of each one's own head is the sum over domains of their shares times their means
    shares = [
        (where == d).float().mean() * F.cross_entropy(output.by_domain[where == d, d], batch.label[where == d])
        for d in range(2)
    ]
    assert rule.prototypes.values is not None
    losses = prototype_losses(
        output.tokens, rule.prototypes.values, classes=torch.tensor([1, 0, 2, 0, 1, 0]),
        seen=torch.ones(3, 3, dtype=torch.bool),
    )  # fmt: skip
    present = torch.ones(3, 6, dtype=torch.bool)
    total = (
        sum(shares) + 0.3 * losses.mean(dim=1).sum()
        + 0.5 * information_loss(output.information, bound="infonce").sum()
        + 0.2 * angle_loss(output.tokens, label=batch.label, domain=where, present=present)
    )  # fmt: skip
    torch.testing.assert_close(loss.total, total)
    assert {"angle", "information", "cross_entropy"} <= set(loss.parts)


def test_each_part_is_a_switch() -> None:
    batch = faces()
    no_masks = detector(masks=False)
    assert no_masks.streams(batch).information is None
    assert "information" not in ready(Dadm(sources=SOURCES))(no_masks, batch).parts
    assert not any("masks" in name for name, _ in no_masks.network.named_parameters())
    assert "angle" not in ready(Dadm(sources=SOURCES, angle=0.0))(detector(), batch).parts
    single = detector(domain_heads=False)
    ready(Dadm(sources=SOURCES))(single, batch)
    assert len(single.network.heads.used) == 1
    logits = single.streams(batch).by_domain
    assert logits is not None
    torch.testing.assert_close(logits[:, 0], single.streams(batch).logits)


def test_a_head_learns_from_its_domain_alone_and_the_mean_of_those_scores() -> None:
    model, batch = detector(), faces()
    rule = ready(Dadm(sources=SOURCES))
    only = batch.select([2, 3, 5])
    rule.backward(model, rule(model, only), run=lambda total: total.backward())
    gradient = model.network.heads.weight.grad
    assert gradient is not None
    assert gradient.flatten(1).abs().sum(dim=1).gt(0).tolist() == [False, True, False, False]
    assert model.network.heads.used.tolist() == [1, 1, 0, 0]
    features = model(batch).features
    assert features is not None
    logits = features @ model.network.heads.weight[:2].mean(dim=0).T
    torch.testing.assert_close(model(batch).score, logits[:, 1] - logits[:, 0], atol=1e-4, rtol=1e-4)


def test_after_a_step_the_heads_are_closer() -> None:
    model = detector()
    rule = ready(Dadm(sources=SOURCES, pull=0.2))
    rule(model, faces())
    heads = model.network.heads

    def apart() -> float:
        one, other = F.normalize(heads.weight.detach()[:2], dim=-1)
        return float((one - other).norm())

    before = apart()
    rule.after_step(model)
    assert apart() < before


def test_what_leads_is_the_modality_with_the_largest_mean_and_added_up_it_is_the_plain_gradient() -> None:
    model, batch = detector(), faces()

    def gradients(rule: Dadm) -> dict[str, torch.Tensor]:
        model.zero_grad(set_to_none=True)
        rule.backward(model, rule(model, batch), run=lambda total: total.backward())
        return {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}

    rule = ready(Dadm(sources=SOURCES, gradients="regrad"))
    found = gradients(rule)
    assert rule.report is not None
    means = model.streams(batch).certainty.mean(dim=1)
    assert rule.report.certainty == pytest.approx(means.tolist(), rel=1e-4)
    lead = int(means.argmax())
    assert rule.report.fastest == tuple(m for m in range(3) if m != lead)
    off = ready(Dadm(sources=SOURCES, gradients="regrad"))
    off.rule = "off"
    plain, added = gradients(ready(Dadm(sources=SOURCES))), gradients(off)
    owned = [name for name, _, owner in model.network.owned() if owner is not None]
    for name in owned:  # also what the information loss gives to both masks of a pair
        torch.testing.assert_close(added[name], plain[name], atol=1e-5, rtol=1e-3)
    assert any(not torch.allclose(found[name], plain[name], rtol=1e-2) for name in owned)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="heads of domains"):
        ready(Dadm(sources=("lab",)))(TinyDetector(), make_batch(4))
    with pytest.raises(BadInputError, match="domain"):
        ready(Dadm(sources=SOURCES))(detector(), replace(faces(), domain=None))
    with pytest.raises(BadInputError, match="5 source domains, 4 heads"):
        ready(Dadm(sources=(*SOURCES, "e", "w", "x")))(detector(), faces())
    with pytest.raises(BadInputError, match="angle -1"):
        Dadm(angle=-1.0)
