"""ReGrad and the single-sided prototype loss against numpy, written from the paper's equations 5 to 8."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.parts.prototypes import Absent, Prototypes, prototype_losses
from facewarden.training.objectives.parts.regrad_math import rebalance
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.objectives.ssp import Ssp
from stand_ins import generator, make_batch

Array = NDArray[np.float64]
SOURCES = ("north", "south")


def pairwise(slow: Array, fast: Array, certainty: float) -> Array:
    """Equation 5: the slow gradient, and of the fast one the part along it where they agree, else the part across."""
    along = (slow @ fast) / (slow @ slow) * slow
    kept = along if slow @ fast > 0 else fast - along
    return slow + certainty * kept


@pytest.mark.parametrize("owner_is_fast", [False, True])
def test_with_two_modalities_it_is_the_equation(owner_is_fast: bool) -> None:
    rng = np.random.default_rng(0)
    aligned = 0
    for _ in range(200):
        slow, fast, certainty = rng.normal(size=6) * 10, rng.normal(size=6) * 10, float(rng.random())
        aligned += slow @ fast > 0
        rows = torch.zeros(3, 6, dtype=torch.float64)
        rows[0], rows[2] = torch.tensor(slow), torch.tensor(fast)
        weight = torch.tensor([0.0, 0.0, certainty], dtype=torch.float64)
        owner = 2 if owner_is_fast else 0
        found, _ = rebalance(rows, [6], owner=owner, fast=owner_is_fast, certainty=weight)
        np.testing.assert_allclose(found.numpy(), pairwise(slow, fast, certainty), rtol=1e-7, atol=1e-9)
    assert 50 < aligned < 150, "both cases occurred"


def whole(gradients: Array, owner: int, fastest: set[int], certainty: Array) -> Array:
    """Three modalities, one tensor, as the released code joins them, with its 1e-8."""

    def kept(base: Array, other: Array) -> Array:
        along = (base @ other) / (base @ base + 1e-8) * base
        return along if base @ other > 0 else other - along

    rest = [k for k in range(3) if k != owner]
    if owner in fastest:
        base = gradients[rest[0]] + gradients[rest[1]]
        return np.asarray(base + certainty[owner] * kept(base, gradients[owner]))
    return np.asarray(gradients[owner] + sum(certainty[k] * kept(gradients[owner], gradients[k]) for k in rest))


def faces(count: int = 6) -> FaceBatch:
    where = tuple(SOURCES[i // 2 % 2] for i in range(count))
    return replace(make_batch(count, size=32), domain=where, box=None, tasks={})


def detector() -> Mmdg:
    settings = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 3}
    model = Mmdg.untrained(settings, seed=3).double().eval()
    for name, parameter in model.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))).double() * 0.1
    return model


def double(batch: FaceBatch) -> FaceBatch:
    return replace(batch, images={name: image.double() for name, image in batch.images.items()})


@pytest.mark.parametrize("tied", [False, True])
def test_every_adapter_tensor_of_a_step_has_the_gradient_of_the_rule(tied: bool) -> None:
    """Each modality's gradient by an ordinary backward pass, then equation 5 in numpy, tensor by tensor."""
    model, batch = detector(), double(faces())
    rule = Regrad(sources=SOURCES, factor=0.3)
    values = torch.randn(3, 3, 192, generator=generator(1)).double()
    rule.prototypes.values, rule.prototypes.seen = values, torch.ones(3, 3, dtype=torch.bool)
    classes = torch.tensor([1, 0, 2, 0, 1, 0])
    output = model.streams(batch)

    def loss_of(m: int) -> torch.Tensor:
        distance = (output.tokens[m][:, None] - values[m][None]).square().sum(-1).sqrt()
        return (distance[torch.arange(6), classes] + (-distance).logsumexp(dim=1)).mean()

    losses = [loss_of(m) for m in range(3)]
    fastest = {int(np.argmin([float(x.detach()) for x in losses]))}
    if tied:  # two modalities that are equally fast are both treated so
        rule._fastest = lambda speed, certainty: (0, 2)  # type: ignore[method-assign]
        fastest = {0, 2}
    named = {n: (p, owner) for n, p, owner in model.network.owned() if owner is not None}
    taken = [
        torch.autograd.grad(0.3 * loss, [p for p, _ in named.values()], retain_graph=True, allow_unused=True,
                            materialize_grads=True)
        for loss in losses
    ]  # fmt: skip
    assert batch.label is not None
    entropy = torch.autograd.grad(
        torch.nn.functional.cross_entropy(output.logits, batch.label), [p for p, _ in named.values()]
    )
    certainty = output.certainty.double().mean(dim=1).numpy()
    rule.backward(model, rule(model, batch), run=lambda _: None)
    for number, (name, (parameter, owner)) in enumerate(named.items()):
        gradients = np.stack([one[number].flatten().numpy() for one in taken])
        place = ("rgb", "depth", "infrared").index(str(owner))
        wanted = entropy[number].flatten().numpy() + whole(gradients, place, fastest, certainty)
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad.flatten().numpy(), wanted, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("absent", ["left_out", "zero"])
def test_the_prototype_loss_is_the_equation(absent: Absent) -> None:
    """Equation 7 by loops; a class of the held-out set is out of the sum, or the zero vector in it."""
    rng = np.random.default_rng(2)
    tokens, classes = rng.normal(size=(3, 12, 5)), rng.integers(0, 3, 12)
    classes[:3] = [0, 1, 2]
    kept = Prototypes(absent=absent)
    kept.collect(
        torch.tensor(tokens), classes=torch.tensor(classes), present=torch.ones(3, 12, dtype=torch.bool), count=3
    )
    kept.refresh()
    assert kept.values is not None
    assert kept.seen is not None
    means = np.stack([[tokens[m, classes == k].mean(axis=0) for k in range(3)] for m in range(3)])
    if absent == "zero":
        means = np.concatenate([means, np.zeros((3, 1, 5))], axis=1)
    np.testing.assert_allclose(kept.values.numpy(), means, atol=1e-6)
    found = prototype_losses(torch.tensor(tokens), kept.values, classes=torch.tensor(classes), seen=kept.seen)
    for m in range(3):
        for i in range(12):
            near = [math.exp(-math.dist(tokens[m, i], p)) for p in means[m]]
            assert float(found[m, i]) == pytest.approx(-math.log(near[classes[i]] / sum(near)), rel=1e-5)


def test_the_total_is_equation_8() -> None:
    model, batch = detector(), double(faces())
    rule = Ssp(sources=SOURCES, factor=0.3)
    rule.refresh(model, [batch], epoch=0)
    output = model.streams(batch)
    tokens, logits = output.tokens.detach().numpy(), output.logits.detach().numpy()
    assert batch.label is not None
    label, classes = batch.label.numpy(), np.array([1, 0, 2, 0, 1, 0])
    total = float(
        np.mean([math.log(sum(math.exp(x) for x in row)) - row[y] for row, y in zip(logits, label, strict=True)])
    )
    for m in range(3):
        means = [tokens[m, classes == k].mean(axis=0) for k in range(3)]
        losses = []
        for i in range(6):
            distance = [math.dist(tokens[m, i], p) for p in means]
            losses.append(distance[classes[i]] + math.log(sum(math.exp(-d) for d in distance)))
        total += 0.3 * float(np.mean(losses))
    assert float(rule(model, batch).total.detach()) == pytest.approx(total, rel=1e-5)
