"""The adapter of MMDG++ against numpy and against its published draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters import certain_adapter
from facewarden.nn.multimodal.adapters.certain_adapter import CertainAdapter, CertainAdapters
from stand_ins import generator

Array = NDArray[np.float64]


def awake(module: Any) -> Any:
    for number, parameter in enumerate(module.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(number)) * 0.5
    return module.requires_grad_(False).eval()


def array(x: torch.Tensor) -> Array:
    return np.asarray(x.double().numpy())


def act(x: Array) -> Array:
    return np.asarray(x / (1 + np.exp(-1.702 * x)))


def layer(module: Any, x: Array) -> Array:
    return np.asarray(x @ array(module.weight).T + (0 if module.bias is None else array(module.bias)))


def norm(module: Any, x: Array) -> Array:
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + module.eps)
    return np.asarray(scaled * array(module.weight) + array(module.bias))


@pytest.mark.parametrize("there", [None, 1.0, 0.0])
def test_one_adapter_is_the_equations(there: float | None) -> None:
    adapter = awake(CertainAdapter(6, hidden=3))
    receiver, helper = (torch.randn(1, 10, 6, generator=generator(seed)) for seed in (30, 31))
    found = adapter(receiver, helper, None if there is None else torch.tensor([there]))
    keep = norm(adapter.norm_receiver, act(layer(adapter.down_receiver, array(receiver[0]))))
    given = norm(adapter.norm_helper, act(layer(adapter.down_helper, array(helper[0]))))
    own, other = layer(adapter.query, keep), layer(adapter.query, given)
    key, value = layer(adapter.key, keep), layer(adapter.value, keep)
    rows, chosen = [], set()
    for i in range(10):
        sure = [math.exp(-2.5 * float(np.exp(layer(adapter.spread, q[i])).mean())) for q in (own, other)]
        side = 0 if sure[0] > sure[1] or there == 0.0 else 1
        chosen.add(side)
        query = (own, other)[side][i]
        mixed = np.zeros(3)
        for h in range(3):  # heads of width 1
            logits = query[h] * key[:, h] * sure[side]
            share = np.exp(logits - logits.max())
            mixed[h] = (share / share.sum()) @ value[:, h]
        rows.append(mixed)
    assert chosen == ({0} if there == 0.0 else {0, 1}), "both sides were asked, or the receiver alone"
    inner = layer(adapter.mix, layer(adapter.out, np.stack(rows)) + keep)
    weight = array(adapter.conv.weight)
    lowered = weight.copy()
    lowered[:, :, 1, 1] -= 0.5 * weight.sum(axis=(2, 3))
    maps = np.pad(inner[1:].T.reshape(3, 3, 3), ((0, 0), (1, 1), (1, 1)))
    seen = np.array([[[(lowered[o] * maps[:, y : y + 3, x : x + 3]).sum() for x in range(3)] for y in range(3)]
                     for o in range(3)])  # fmt: skip
    first = lowered[:, :, 1, 1] @ inner[0]
    expected = layer(adapter.up, act(np.concatenate([first[None], seen.reshape(3, 9).T])))
    np.testing.assert_allclose(array(found[0]), expected, atol=1e-4)


def test_the_certainty_is_the_limit_of_the_published_draws() -> None:
    adapter = awake(CertainAdapter(6, hidden=4))
    query = torch.randn(1, 3, 4, generator=generator(40))
    spread = layer(adapter.spread, array(query[0]))
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(200_000, 3, 4)) * np.exp(spread / 2)
    sampled = np.exp(-2.5 * draws.var(axis=0).mean(axis=-1))
    np.testing.assert_allclose(array(adapter.certainty(query))[0], sampled, rtol=0.05)


def test_in_training_a_side_is_drawn_with_its_share_and_nothing_reaches_the_log_variances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = awake(CertainAdapter(6, hidden=3))
    adapter.spread.weight.data *= 3  # shares far from one half
    receiver, helper = (torch.randn(400, 10, 6, generator=generator(seed)) for seed in (30, 31))
    with torch.no_grad():
        keep = norm(adapter.norm_receiver, act(layer(adapter.down_receiver, array(receiver))))
        given = norm(adapter.norm_helper, act(layer(adapter.down_helper, array(helper))))
    own, other = layer(adapter.query, keep), layer(adapter.query, given)
    sure = [np.exp(-2.5 * np.exp(layer(adapter.spread, q)).mean(axis=-1)) for q in (own, other)]
    asked: list[torch.Tensor] = []
    attend = certain_adapter.attend_by_channel

    def recorded(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        asked.append(query.detach())
        return attend(query, key, value)

    monkeypatch.setattr(certain_adapter, "attend_by_channel", recorded)
    adapter.train().requires_grad_(True)
    torch.manual_seed(0)
    adapter(receiver, helper, None).square().sum().backward()
    taken = np.abs(array(asked[0]) - own * sure[0][..., None]).max(axis=-1) < 1e-4
    other_side = np.abs(array(asked[0]) - other * sure[1][..., None]).max(axis=-1) < 1e-4
    assert (taken ^ other_side).all(), "one side of each token"
    share = sure[0] / (sure[0] + sure[1])
    for rows in (share < 0.4, share > 0.6):
        assert rows.sum() > 400
        deviation = math.sqrt(float((share * (1 - share))[rows].sum())) / rows.sum()
        assert abs(float(taken[rows].mean() - share[rows].mean())) < 4 * deviation
    assert adapter.spread.weight.grad is None
    assert adapter.query.weight.grad is not None


def test_absent_sides_and_sums() -> None:
    adapters = awake(CertainAdapters(6, hidden=3))
    x = torch.randn(3, 2, 5, 6, generator=generator(50))
    whole = adapters(x, None)
    torch.testing.assert_close(whole[0], sum(adapters.into["rgb"](x[0], x[j], None) for j in (1, 2)))
    weight = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    masked = adapters(x, weight)
    other = x.clone()
    other[1, 0] += 1.0
    assert torch.equal(adapters(other, weight)[0::2], masked[0::2])
    assert float(masked[1, 0].abs().sum()) == 0.0
    torch.testing.assert_close(masked[:, 1], whole[:, 1])
    alone = adapters.into["rgb"](x[0], x[0], torch.zeros(2)) + adapters.into["rgb"](x[0], x[2], None)
    torch.testing.assert_close(masked[0, 0], alone[0])
    assert {name.split(".")[1] for name, _ in adapters.named_parameters()} == set(MODALITIES)
