"""Modulation by the ratio: factors by hand, shares of the head's own parts, changed gradients; the ensemble."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.training.objectives.ogm_ge import OgmGe, coefficients
from facewarden.training.objectives.unimodal import Unimodal
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1}


def faces() -> FaceBatch:
    return replace(make_batch(6, size=32), box=None, tasks={})


def detector(name: str = "vit_cdc_adapter", **settings: Any) -> Any:
    model = registry.load("pad", name).untrained({**TINY, **settings}, seed=0).eval()
    for key, parameter in model.network.named_parameters():
        if ".up." in key or key.startswith(("head", "alone")):
            parameter.data = torch.randn(parameter.shape, generator=generator(len(key))) * 0.3
    return model


def test_factors_by_hand() -> None:
    """0.9 against the mean 0.6 of the others is a ratio of 1.5; with two modalities it is their ratio."""
    found = coefficients(torch.tensor([0.9, 0.5, 0.7]), alpha=0.5)
    assert found.tolist() == pytest.approx([1 - math.tanh(0.75), 1.0, 1.0])
    two = coefficients(torch.tensor([0.4, 0.0, 0.8]), alpha=0.3)
    assert two.tolist() == pytest.approx([1.0, 1.0, 1 - math.tanh(0.6)])
    assert coefficients(torch.tensor([0.5, 0.5, 0.5]), alpha=1.0).tolist() == [1.0, 1.0, 1.0]
    assert coefficients(torch.tensor([0.5, 0.0, 0.0]), alpha=1.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ["vit_cdc_adapter", "vit_concat", "mmdg"])
def test_shares_are_those_of_the_head_s_own_parts_and_the_parts_add_up(name: str) -> None:
    model, batch = detector(name), faces()
    batch = replace(batch, present={**batch.present, "depth": torch.tensor([True, False, True, True, False, True])})
    loss = OgmGe()(model, batch)
    output = model(batch)
    head = model.network.head
    weight = head.weight[-1] - head.weight[0] if len(head.weight) == 2 else head.weight[0]
    bias = head.bias[-1] - head.bias[0] if len(head.bias) == 2 else head.bias[0]
    parts = [
        weight[192 * m : 192 * m + 192] @ output.features[:, 192 * m : 192 * m + 192].T + bias / 3 for m in range(3)
    ]
    torch.testing.assert_close(sum(parts), output.score, atol=1e-4, rtol=1e-4)
    assert batch.label is not None
    for m, modality in enumerate(MODALITIES):
        right = torch.where(batch.label == 1, torch.sigmoid(parts[m]), torch.sigmoid(-parts[m]))
        torch.testing.assert_close(loss.shares[m], right[batch.present[modality]].mean(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        loss.total, torch.nn.functional.binary_cross_entropy_with_logits(output.score, batch.label.float())
    )


def gradients(rule: OgmGe, model: Any) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    torch.manual_seed(5)
    rule.backward(model, rule(model, faces()), run=lambda total: total.backward())
    return {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}


def test_what_is_ahead_is_shrunk_and_what_it_loses_becomes_noise() -> None:
    model = detector()
    plain = gradients(OgmGe(alpha=0.0, enhance=False), model)
    rule = OgmGe(alpha=0.8, enhance=False)
    shrunk = gradients(rule, model)
    factors = coefficients(rule(model, faces()).shares, alpha=0.8).tolist()  # type: ignore[attr-defined]
    assert min(factors) < 1.0 == max(factors)
    for name, _, owner in model.network.owned():
        if name not in plain:  # heads of single sensors have no part in this loss
            assert name.startswith("alone.")
            continue
        factor = 1.0 if owner is None else factors[MODALITIES.index(owner)]
        torch.testing.assert_close(shrunk[name], plain[name] * factor)
    assert rule.statistics(model)[f"factor/{MODALITIES[factors.index(min(factors))]}"] == pytest.approx(min(factors))
    noisy = gradients(OgmGe(alpha=0.8), model)
    ahead = MODALITIES[factors.index(min(factors))]
    name = f"streams.beside_mlp.0.of.{ahead}.up.weight"
    added = noisy[name] - shrunk[name]
    assert float(added.std()) == pytest.approx(float(plain[name].std(correction=0)), rel=0.1)
    other = next(m for m in MODALITIES if factors[MODALITIES.index(m)] == 1.0)
    assert torch.equal(
        noisy[f"streams.beside_mlp.0.of.{other}.up.weight"], plain[f"streams.beside_mlp.0.of.{other}.up.weight"]
    )


def test_the_ensemble_is_three_trainings_that_never_meet() -> None:
    model, batch = detector("unimodal_ensemble"), faces()
    output = model(batch)
    logits = torch.stack([output.tasks[m][:, 0] for m in MODALITIES])
    torch.testing.assert_close(output.score, logits.mean(dim=0))
    assert batch.label is not None
    loss = Unimodal()(model, batch)
    each = [torch.nn.functional.binary_cross_entropy_with_logits(one, batch.label.float()) for one in logits]
    torch.testing.assert_close(loss.total, torch.stack(each).sum())
    for m, modality in enumerate(MODALITIES):
        model.zero_grad(set_to_none=True)
        loss_alone = torch.nn.functional.binary_cross_entropy_with_logits(
            model(batch).tasks[modality][:, 0], batch.label.float()
        )
        loss_alone.backward()
        reached = {
            n for n, p in model.network.named_parameters() if p.grad is not None and float(p.grad.abs().sum()) > 0
        }
        assert reached
        assert all(MODALITIES[m] in name.split(".") for name in reached)


def test_absent_sensors_have_no_vote() -> None:
    model, batch = detector("unimodal_ensemble"), faces()
    batch = replace(batch, present={**batch.present, "depth": torch.zeros(6, dtype=torch.bool)})
    output = model(batch)
    torch.testing.assert_close(output.score, (output.tasks["rgb"] + output.tasks["infrared"])[:, 0] / 2)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="side by side"):
        OgmGe()(TinyDetector(), make_batch(4))
    with pytest.raises(ContractError, match="joint linear head"):
        OgmGe()(detector("unimodal_ensemble"), faces())
    with pytest.raises(ContractError, match="head for each modality"):
        Unimodal()(detector("vit_concat"), faces())
    with pytest.raises(BadInputError, match="alpha -1"):
        OgmGe(alpha=-1.0)
