"""DADM's terms against numpy, written from the equations: angles, information bounds, the pull of the heads, masks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facewarden.nn.multimodal.dadm_vit import MaskedBlock, mean_information
from facewarden.nn.multimodal.domain_heads import DomainHeads
from facewarden.nn.multimodal.mutual_mask import Form, MutualMask
from facewarden.training.objectives.parts.alignment import Bound, angle_loss, information_loss
from stand_ins import generator

Array = NDArray[np.float64]


def unit(x: Array) -> Array:
    return x / np.linalg.norm(x)


def angles(tokens: Array, label: Array, domain: Array, present: Array) -> float:
    total = 0.0
    for wanted, tau in ((1, 1.0), (0, 0.85)):
        where: dict[int, list[Array | None]] = {}
        for d in sorted(set(domain.tolist())):
            row: list[Array | None] = []
            for m in range(3):
                members = [unit(tokens[m, i]) for i in range(len(label))
                           if label[i] == wanted and domain[i] == d and present[m, i]]  # fmt: skip
                row.append(unit(np.mean(members, axis=0)) if members else None)
            where[d] = row
        pairs = list(itertools.combinations(where, 2))
        for d, e in pairs:
            for m in range(3):
                one, other = where[d][m], where[e][m]
                if one is not None and other is not None:
                    total += (float(one @ other) - tau) ** 2 / len(pairs)
            for m, n in ((0, 1), (0, 2), (1, 2)):
                four = [where[d][m], where[d][n], where[e][m], where[e][n]]
                if all(x is not None for x in four):
                    a, b, c, f = (np.asarray(x) for x in four)
                    total += (float(a @ b) - float(c @ f)) ** 2 / len(pairs)
    return total


@pytest.mark.parametrize("domains", [1, 2, 3])
def test_angles(domains: int) -> None:
    rng = np.random.default_rng(domains)
    tokens = rng.normal(size=(3, 14, 5))
    label, domain = rng.integers(0, 2, 14), rng.integers(0, domains, 14)
    present = rng.random((3, 14)) < 0.8
    found = angle_loss(
        torch.tensor(tokens), label=torch.tensor(label), domain=torch.tensor(domain), present=torch.tensor(present)
    )
    assert float(found) == pytest.approx(angles(tokens, label, domain, present), rel=1e-9)
    assert (float(found) == 0.0) == (domains == 1)


def test_angles_by_hand() -> None:
    """Bona fide of two domains a right angle apart in the first modality, equal in the others: 1, and twice 1 / 2."""
    tokens = torch.zeros(3, 2, 2)
    tokens[0, 0], tokens[0, 1] = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 2.0])
    tokens[1:, :] = torch.tensor([1.0, 1.0])
    found = angle_loss(
        tokens, label=torch.tensor([1, 1]), domain=torch.tensor([0, 1]), present=torch.ones(3, 2, dtype=torch.bool)
    )
    # same modality: (0 - 1)^2 + 0 + 0; between modalities all cosines are 1/sqrt 2 in both domains
    assert float(found) == pytest.approx(1.0, abs=1e-6)


def infonce(one: Array, other: Array) -> float:
    cosine = np.array([[unit(a) @ unit(b) for b in other] for a in one]) / 0.07
    rows = [math.log(sum(math.exp(x - row[i]) for x in row)) for i, row in enumerate(cosine)]
    columns = [math.log(sum(math.exp(x - row[i]) for x in row)) for i, row in enumerate(cosine.T)]
    return (sum(rows) + sum(columns)) / (2 * len(one)) - math.log(len(one))


def test_infonce() -> None:
    rng = np.random.default_rng(0)
    information = rng.normal(size=(2, 3, 2, 6, 4))
    found = information_loss(torch.tensor(information), bound="infonce")
    wanted = [np.mean([infonce(*information[block, pair]) for block in range(2)]) for pair in range(3)]
    assert found.tolist() == pytest.approx(wanted, rel=1e-9)
    same = torch.tensor(information)
    same[:, :, 1] = same[:, :, 0]
    assert bool((information_loss(same, bound="infonce") < found).all()), "equal vectors tell most of each other"


def test_the_additive_bound() -> None:
    rng = np.random.default_rng(0)
    information = rng.normal(size=(1, 1, 2, 5, 3))
    torch.manual_seed(3)
    found = float(information_loss(torch.tensor(information), bound="additive"))
    torch.manual_seed(3)
    first, second = torch.randperm(5).numpy(), torch.randperm(5).numpy()
    one, other = information[0, 0]
    bound = np.mean((one + other) / 2) - np.log(np.mean(np.exp((one[first] + other[second]) / 2)))
    assert found == pytest.approx(-float(bound), rel=1e-9)


def test_the_additive_bound_hardly_knows_how_samples_are_paired() -> None:
    """The first term is a sum of two means, so it is the same for any pairing; only the shuffled pairs are drawn."""
    draw = torch.randn(1, 1, 2, 64, 8, generator=generator(0))
    swapped = draw.clone()
    swapped[:, :, 1] = draw[:, :, 1].flip(2)

    def losses(bound: Bound) -> list[float]:
        torch.manual_seed(0)
        return [float(information_loss(x, bound=bound)) for x in (draw, swapped)]

    twin = draw.clone()
    twin[:, :, 1] = draw[:, :, 0]
    torch.manual_seed(0)
    dependent = float(information_loss(twin, bound="additive"))
    one, other = losses("additive")
    assert abs(one - other) < 0.1
    assert abs(dependent - one) < 0.3
    assert float(information_loss(twin, bound="infonce")) < losses("infonce")[0] - 1


def test_the_pull_of_the_heads() -> None:
    heads = DomainHeads(4, classes=2, places=4)
    heads.used[:3] = 1.0
    before = heads.weight.detach().double().numpy().copy()
    heads.pull(share=0.1)
    expected = before.copy()
    for d in range(3):
        for c in range(2):
            inner = {e: unit(before[d, c]) @ unit(before[e, c]) for e in range(3) if e != d}
            far = min(inner, key=lambda e: inner[e])
            turned = unit(0.9 * unit(before[d, c]) + 0.1 * unit(before[far, c]))
            expected[d, c] = np.linalg.norm(before[d, c]) * turned
    np.testing.assert_allclose(heads.weight.detach().numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(heads.mean.detach().numpy(), expected[:3].mean(axis=0), atol=1e-6)
    for _ in range(400):
        heads.pull(share=0.1)
    unit_rows = torch.nn.functional.normalize(heads.weight[:3].detach(), dim=-1)
    assert float((unit_rows - unit_rows[0]).abs().max()) < 1e-3, "in the end they point one way"
    alone = DomainHeads(4, classes=2, places=4)
    one = alone.weight.detach().clone()
    alone.pull()
    assert torch.equal(alone.weight.detach(), one)


def convolved(x: Array, weight: Array, bias: Array | None) -> Array:
    """Full convolution of `(c, h, w)` with zeros around, by loops; a point-wise kernel is of side 1."""
    side = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (side, side), (side, side)))
    height, width = x.shape[1:]
    result = np.zeros((len(weight), height, width))
    for y in range(height):
        for z in range(width):
            window = padded[:, y : y + 2 * side + 1, z : z + 2 * side + 1]
            result[:, y, z] = (weight * window).sum(axis=(1, 2, 3))
    return result if bias is None else result + bias[:, None, None]


def run(layers: Any, x: Array) -> Array:
    """A sequence of convolutions, norms and activations on one sample in evaluation mode."""
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            weight = layer.weight.detach().double().numpy()
            if layer.groups > 1:
                full = np.zeros((len(weight), len(weight), *weight.shape[2:]))
                full[np.arange(len(weight)), np.arange(len(weight))] = weight[:, 0]
                weight = full
            x = convolved(x, weight, None if layer.bias is None else layer.bias.detach().double().numpy())
        elif isinstance(layer, torch.nn.ReLU):
            x = np.maximum(x, 0)
        elif isinstance(layer, torch.nn.Sigmoid):
            x = 1 / (1 + np.exp(-x))
        elif isinstance(layer, torch.nn.GroupNorm):
            groups = x.reshape(layer.num_groups, -1)
            x = ((groups - groups.mean(1, keepdims=True)) / np.sqrt(groups.var(1, keepdims=True) + layer.eps)).reshape(
                x.shape
            )
            x = x * layer.weight.detach().numpy()[:, None, None] + layer.bias.detach().numpy()[:, None, None]
        else:
            assert isinstance(layer, torch.nn.BatchNorm2d)
            mean, var = layer.running_mean, layer.running_var
            assert mean is not None
            assert var is not None
            x = (x - mean.numpy()[:, None, None]) / np.sqrt(var.numpy()[:, None, None] + layer.eps)
    return x


@pytest.mark.parametrize("form", ["slim", "published"])
def test_the_mask_of_a_pair(form: Form) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = MutualMask(2, width=4, form=form).eval()
    one, other = (torch.randn(2, 10, 2, generator=generator(seed)) for seed in (1, 2))
    with torch.no_grad():
        found = module(one, other)
    beside = torch.cat([one, other], dim=-1).double().numpy()
    for i in range(2):
        maps = beside[i, 1:].T.reshape(4, 3, 3)
        seen = run(module.see, maps)
        mask = run(module.choose, seen)
        kept = (maps * mask).reshape(4, 9).T
        np.testing.assert_allclose(found.one[i, 1:].numpy(), kept[:, :2], atol=1e-5)
        np.testing.assert_allclose(found.other[i, 1:].numpy(), kept[:, 2:], atol=1e-5)
        np.testing.assert_allclose(found.together[i, 1:].numpy(), seen.reshape(4, 9).T, atol=1e-5)
        first = module.first.weight.detach().double().numpy() @ beside[i, 0] + module.first.bias.detach().numpy()
        np.testing.assert_allclose(found.together[i, 0].numpy(), first, atol=1e-5)
    assert torch.equal(found.one[:, 0], one[:, 0])
    assert torch.equal(found.other[:, 0], other[:, 0])


@pytest.mark.parametrize("form", ["slim", "published"])
def test_a_block_adds_the_adapter_of_the_mean_over_a_modality_s_pairs(form: Form) -> None:
    block: Any = MaskedBlock(4, hidden=2, width=4, form=form).eval()
    for number, parameter in enumerate(block.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(number)) * 0.3
    x = torch.randn(3, 2, 5, 4, generator=generator(60))
    weight = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    with torch.no_grad():
        added, told = block(x, None)
        masked, _ = block(x, weight)
        pairs = {name: block.masks[name](x[i], x[j]) for name, (i, j) in
                 {"rgb_depth": (0, 1), "rgb_infrared": (0, 2), "depth_infrared": (1, 2)}.items()}  # fmt: skip
        halves = {name: pair.together.chunk(2, dim=-1) for name, pair in pairs.items()}
        of_rgb = [block.fuse[name][0](torch.cat([pairs[name].one, halves[name][0]], dim=-1))
                  for name in ("rgb_depth", "rgb_infrared")]  # fmt: skip
        of_near = [block.fuse[name][1](torch.cat([pairs[name].other, halves[name][1]], dim=-1))
                   for name in ("rgb_infrared", "depth_infrared")]  # fmt: skip
        torch.testing.assert_close(added[0], block.adapters["rgb"]((of_rgb[0] + of_rgb[1]) / 2))
        torch.testing.assert_close(added[2], block.adapters["infrared"]((of_near[0] + of_near[1]) / 2))
        torch.testing.assert_close(masked[0][0], added[0][0])
        torch.testing.assert_close(masked[0][1], block.adapters["rgb"](of_rgb[1])[1])
        torch.testing.assert_close(told[0, 1], pairs["rgb_depth"].other.mean(dim=1))
    scores = mean_information(told[None])
    torch.testing.assert_close(scores[1], (told[0, 1].mean(dim=-1) + told[2, 0].mean(dim=-1)) / 2)
