"""MMDA's fusion, experts and alignment against numpy, written from the equations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facewarden.nn.multimodal.differential import START, DifferentialAttention
from facewarden.nn.multimodal.experts import MixtureOfExperts
from facewarden.nn.multimodal.mmda_vit import MmdaVit
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator

Array = NDArray[np.float64]


def array(x: torch.Tensor) -> Array:
    return np.asarray(x.detach().double().numpy())


def awake(module: Any, *, scale: float = 0.5) -> Any:
    for number, parameter in enumerate(module.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(number)) * scale
    return module.eval()


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def rms(x: Array, gain: Array) -> Array:
    return np.asarray(x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + np.finfo(np.float32).eps) * gain)


def test_the_second_map_is_subtracted() -> None:
    module = awake(DifferentialAttention(6, heads=2), scale=0.3)
    x, partner = (torch.randn(2, 3, 6, generator=generator(seed)) for seed in (1, 2))
    weight = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    found = array(module(x, partner, weight))
    left, right = array(module.left), array(module.right)
    lam = math.exp(left[0] @ right[0]) - math.exp(left[1] @ right[1]) + 0.8 - 0.6 * math.exp(-3.6)
    assert pytest.approx(0.7836, abs=1e-4) == START
    for i in range(2):
        rows = [m for m in range(3) if weight[i, m] > 0]
        heads = []
        for h in range(2):
            part = slice(3 * h, 3 * h + 3)

            def at(layer: Any, given: torch.Tensor, part: slice = part, i: int = i) -> Array:
                return np.asarray((array(given[i]) @ array(layer.weight).T)[:, part])

            own = softmax(at(module.query, x) @ at(module.key, x)[rows].T / math.sqrt(6))
            noise = softmax(at(module.partner_query, partner) @ at(module.partner_key, partner)[rows].T / math.sqrt(6))
            heads.append((own - lam * noise) @ at(module.value, x)[rows])
        expected = rms(np.concatenate(heads, axis=1), array(module.norm.weight)) * (0.6 * math.exp(-3.6) + 0.2)
        np.testing.assert_allclose(found[i], expected, atol=1e-4)


def gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


def test_the_two_best_experts_answer() -> None:
    module = awake(MixtureOfExperts(6), scale=1.0)
    x = torch.randn(40, 6, generator=generator(3))
    answers, auxiliary = module(x)
    shares = softmax(array(x) @ array(module.gate.weight).T)
    alone, constant = 0, 0
    for i, row in enumerate(shares):
        order = np.argsort(-row)
        first, second = int(order[0]), int(order[1])
        kept = {first: row[first]}
        if row[second] > 0.2 * (row[first] + row[second]):
            kept[second] = row[second]
        else:
            alone += 1
        expected = np.zeros(6)
        for e, share in kept.items():
            if e >= 4:
                given = array(module.constants)[e - 4]
                constant += 1
            else:
                expert = module.experts[e]
                inside = rms(array(x[i]), array(expert.norm.weight)) @ array(expert.into.weight).T
                value, gate = np.split(inside + array(expert.into.bias), 2)
                given = (gelu(gate) * value) @ array(expert.out.weight).T + array(expert.out.bias)
            expected += share / sum(kept.values()) * given
        np.testing.assert_allclose(array(answers[i]), expected, atol=2e-3)
    assert 0 < alone < 40, "both cases occurred"
    assert constant > 0
    often = np.bincount(shares.argmax(axis=1), minlength=7) / 40
    logits = array(x) @ array(module.gate.weight).T
    z = np.log(np.exp(logits).sum(axis=1))
    expected_loss = 1e-2 * 7 * float(often @ shares.mean(axis=0)) + 1e-3 * float((z**2).mean())
    assert float(auxiliary.detach()) == pytest.approx(expected_loss, rel=1e-4)


def test_levels_are_those_of_a_u_with_one_step() -> None:
    trunk = make_trunk(TrunkShape(size=32, patch=16, width=24, depth=1, heads=3), seed=0)
    network = MmdaVit(StreamVit(trunk), width=6, heads=2, prototypes=3, places=2).requires_grad_(False).eval()
    network.partner.copy_(torch.randn(3, 6, generator=generator(9)))
    images = torch.randn(3, 2, 3, 32, 32, generator=generator(1))
    output = network(images)
    refined, _ = network.refine(output.fused)
    targets, _ = network.refine(network.prototypes)
    last = network.remap(refined)[0] + output.fused

    def aligned(vectors: torch.Tensor, prototypes: torch.Tensor) -> Array:
        result = np.zeros((len(vectors), 2))
        for i, v in enumerate(array(vectors)):
            for c in range(2):
                result[i, c] = max(v @ t / np.linalg.norm(v) / np.linalg.norm(t) for t in array(prototypes[c])) / 0.07
        return result

    expected = [aligned(output.fused, network.prototypes), aligned(refined, targets), aligned(last, network.prototypes)]
    for level in range(3):
        np.testing.assert_allclose(array(output.logits[:, level]), expected[level], atol=1e-3)
    given = torch.randn(3, 6, generator=generator(10)).expand(2, -1, -1)
    assert not torch.allclose(network(images, partner=given).fused, output.fused, atol=1e-4)
