"""Approximations of ReGrad: equal to the exact rule where they must be, and what they do elsewhere written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.parts.prototype_objective import PrototypeObjective
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.objectives.regrad_every import RegradEvery
from facewarden.training.objectives.regrad_token import RegradToken
from facewarden.training.objectives.ssp import Ssp
from stand_ins import TinyDetector, generator, make_batch

SOURCES = ("north", "south")


def faces(seed: int = 0) -> FaceBatch:
    return replace(make_batch(4, size=32, seed=seed), domain=("north", "north", "south", "south"), box=None, tasks={})


def detector(depth: int = 2) -> Mmdg:
    settings = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": depth, "tiling": "batch"}
    model = Mmdg.untrained(settings, seed=3)
    for name, parameter in model.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return model.eval()  # no dropout, so that steps can be compared


def ready(rule: Any) -> Any:
    prototypes: PrototypeObjective = getattr(rule, "exact", rule)
    prototypes.prototypes.values = torch.randn(3, 3, 192, generator=generator(1))
    prototypes.prototypes.seen = torch.ones(3, 3, dtype=torch.bool)
    return rule


def gradients(model: Mmdg, rule: Any, batch: FaceBatch) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    rule.backward(model, rule(model, batch), run=lambda total: total.backward())
    return {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor], *, error: float = 1e-4) -> None:
    assert set(one) == set(other)
    for name, gradient in one.items():
        assert float((gradient - other[name]).norm()) <= error * max(float(other[name].norm()), 1e-6), name


def test_every_step_is_exact_with_k_of_one() -> None:
    model = detector()
    every, exact = ready(RegradEvery(every=1, sources=SOURCES)), ready(Regrad(sources=SOURCES))
    for seed in range(2):
        assert_equal(gradients(model, every, faces(seed)), gradients(model, exact, faces(seed)))


def test_between_exact_steps_the_gradient_is_that_of_the_total() -> None:
    model = detector()
    every, exact, plain = (
        ready(rule) for rule in (RegradEvery(every=3, sources=SOURCES), Regrad(sources=SOURCES), Ssp(sources=SOURCES))
    )
    for seed in range(4):
        wanted = exact if seed % 3 == 0 else plain
        assert_equal(gradients(model, every, faces(seed)), gradients(model, wanted, faces(seed)))


def test_or_the_last_difference_is_added_again() -> None:
    model = detector()
    every = ready(RegradEvery(every=2, between="last", sources=SOURCES))
    exact, plain = ready(Regrad(sources=SOURCES)), ready(Ssp(sources=SOURCES))
    first = gradients(model, every, faces(0))
    assert_equal(first, gradients(model, exact, faces(0)))
    made = {n: first[n] - g for n, g in gradients(model, plain, faces(0)).items()}
    second = gradients(model, every, faces(1))
    expected = {n: g + made[n] for n, g in gradients(model, plain, faces(1)).items()}
    assert_equal(second, expected)
    again = ready(RegradEvery(every=2, between="last", sources=SOURCES))
    gradients(model, again, faces(0))
    resumed = ready(RegradEvery(every=2, between="last", sources=SOURCES))
    resumed.load_state_dict(again.state_dict())
    assert_equal(gradients(model, resumed, faces(1)), second)


def test_without_a_rule_the_token_form_is_the_exact_one() -> None:
    model = detector()
    token, exact = ready(RegradToken(rule="off", sources=SOURCES)), ready(Regrad(rule="off", sources=SOURCES))
    assert_equal(gradients(model, token, faces()), gradients(model, exact, faces()))


@pytest.mark.parametrize("rule", ["full", "conflict_only", "aligned_only"])
def test_in_a_network_of_one_block_the_token_form_is_the_exact_one(rule: str) -> None:
    """There an adapter hears its own modality's loss alone, as a class token does."""
    model = detector(depth=1)
    token, exact = (
        ready(RegradToken(rule=rule, space="own", sources=SOURCES)),
        ready(Regrad(rule=rule, sources=SOURCES)),
    )
    assert_equal(gradients(model, token, faces()), gradients(model, exact, faces()))


@pytest.mark.parametrize("uncertainty", [True, False])
def test_the_fastest_token_s_cotangent_is_set_against_the_others(uncertainty: bool) -> None:
    model, batch = detector(), faces()
    rule = ready(RegradToken(sources=SOURCES, uncertainty=uncertainty))
    loss = rule(model, batch)
    means = loss.prototype / 4
    own = [torch.autograd.grad(means[m], loss.tokens, retain_graph=True)[0][m].flatten() * 0.3 for m in range(3)]
    fastest = int(means.argmin())
    base = sum(own[m] for m in range(3) if m != fastest)
    dot, square = torch.dot(base, own[fastest]), torch.dot(base, base) + 1e-8
    kept = dot / square * base if dot > 0 else own[fastest] - dot / square * base
    weight = float(loss.certainty[fastest] / 4) if uncertainty else 1.0
    expected = torch.stack([weight * kept if m == fastest else own[m] for m in range(3)]).view_as(loss.tokens)
    trained = [p for p in model.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(
        loss.entropy / 4 + (loss.tokens * expected).sum(), trained, allow_unused=True, materialize_grads=True
    )
    found = gradients(model, rule, batch)
    names = [n for n, p in model.network.named_parameters() if p.requires_grad]
    assert_equal(found, {n: g for n, g in zip(names, wanted, strict=True) if n in found})
    full, plain = ready(Regrad(sources=SOURCES)), ready(Ssp(sources=SOURCES))
    name = "adapters.0.rgb_from_depth.up.weight"
    assert not torch.allclose(found[name], gradients(model, full, batch)[name], rtol=1e-2)
    assert not torch.allclose(found[name], gradients(model, plain, batch)[name], rtol=1e-2)


def test_the_trunk_is_gone_through_backward_once() -> None:
    passes = {}
    every = RegradEvery(every=2, sources=SOURCES)
    for name, rule in {"exact": Regrad(sources=SOURCES), "token": RegradToken(sources=SOURCES), "every": every}.items():
        model = detector()
        if name == "every":
            gradients(model, ready(rule), faces())  # the first is exact
        count: list[int] = []
        block: Any = model.network.blocks[1]
        block.mlp.fc1.register_full_backward_hook(lambda *_, count=count: count.append(1))
        gradients(model, ready(rule), faces())
        passes[name] = len(count)
    assert passes == {"exact": 4, "token": 1, "every": 1}


def test_the_log_says_who_was_fastest_and_that_most_steps_are_plain() -> None:
    model, token, every = detector(), ready(RegradToken(sources=SOURCES)), ready(RegradEvery(every=2, sources=SOURCES))
    gradients(model, token, faces())
    told = token.statistics(model)
    assert sum(told[f"fastest/{m}"] for m in ("rgb", "depth", "infrared")) == 1
    assert told["gradient/rgb"] > 0
    gradients(model, every, faces())
    assert "conflict/rgb" in every.statistics(model)
    gradients(model, every, faces())
    assert "conflict/rgb" not in every.statistics(model)
    assert every.statistics(model)["gradient/rgb"] > 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadInputError, match="every 0"):
        RegradEvery(every=0)
    with pytest.raises(ContractError, match="class tokens"):
        RegradToken(sources=("lab",)).compute(TinyDetector(), make_batch(4))
