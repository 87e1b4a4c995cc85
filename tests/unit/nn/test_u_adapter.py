from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.adapters.u_adapter import UAdapter, grid_side, run_adapters
from stand_ins import generator

ROUTES = [(1, 0), (2, 0), (0, 1), (0, 2)]


def adapter(seed: int = 0, *, dim: int = 12, hidden: int = 4) -> UAdapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = UAdapter(dim, hidden=hidden)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.7)
    return made.eval()


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


@pytest.mark.parametrize("hidden", [8, 16, 64])
def test_it_has_as_many_parameters_as_the_formula_says(hidden: int) -> None:
    counted = sum(p.numel() for p in UAdapter(768, hidden=hidden).parameters())
    assert counted == 13 * hidden**2 + 2309 * hidden + 768
    assert hidden != 8 or counted == 20_072


def test_a_fresh_adapter_adds_exactly_nothing() -> None:
    fresh = UAdapter(12, hidden=4)
    added = fresh(tokens(2, 10, 12), tokens(2, 10, 12, seed=1), torch.ones(2, 10))
    assert torch.equal(added, torch.zeros(2, 10, 12))


def test_uncertain_helpers_attend_more_evenly() -> None:
    made, helper, receiver = adapter(), tokens(1, 10, 12), tokens(1, 10, 12, seed=1)
    outputs = []
    for certainty in (1.0, 0.5, 0.0):
        seen: list[torch.Tensor] = []
        hook = made.out.register_forward_pre_hook(lambda _, inputs, into=seen: into.append(inputs[0]))
        made(helper, receiver, torch.full((1, 10), certainty))
        hook.remove()
        outputs.append(seen[0])
    keep = made.down_receiver(receiver)
    average = made.value(keep * torch.sigmoid(1.702 * keep)).mean(dim=1, keepdim=True)
    spread = [float((x - average).detach().abs().mean()) for x in outputs]
    assert spread[0] > spread[1] > spread[2]
    torch.testing.assert_close(outputs[2], average.expand(-1, 10, -1))


def test_full_certainty_is_ungated_attention() -> None:
    made, helper, receiver = adapter(), tokens(2, 10, 12), tokens(2, 10, 12, seed=1)
    seen: list[torch.Tensor] = []
    made.out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made(helper, receiver, torch.ones(2, 10))
    keep, asked = made.down_receiver(receiver), made.down_helper(helper)
    keep, asked = keep * torch.sigmoid(1.702 * keep), asked * torch.sigmoid(1.702 * asked)
    heads = [x.transpose(1, 2)[..., None] for x in (made.query(asked), made.key(keep), made.value(keep))]
    expected = torch.nn.functional.scaled_dot_product_attention(*heads, scale=1.0)[..., 0].transpose(1, 2)
    torch.testing.assert_close(seen[0], expected)


def separately(adapters: list[UAdapter], streams: torch.Tensor, certainty: torch.Tensor) -> torch.Tensor:
    added = torch.zeros_like(streams)
    for made, (helper, receiver) in zip(adapters, ROUTES, strict=True):
        added[receiver] += made(streams[helper], streams[receiver], certainty[helper])
    return added


def test_all_adapters_at_once_equal_one_after_the_other() -> None:
    adapters = [adapter(seed) for seed in range(4)]
    streams, certainty = tokens(3, 2, 10, 12), tokens(3, 2, 10, seed=4).sigmoid()
    together = run_adapters(adapters, ROUTES, streams, certainty=certainty)
    torch.testing.assert_close(together, separately(adapters, streams, certainty))
    first = run_adapters(adapters, ROUTES, streams, certainty=certainty, class_only=True)
    torch.testing.assert_close(first, together[:, :, :1])


def test_an_absent_helper_says_nothing_not_even_its_bias() -> None:
    adapters = [adapter(seed) for seed in range(4)]
    streams, certainty = tokens(3, 2, 10, 12), torch.ones(3, 2, 10)
    weight = torch.ones(3, 2)
    weight[1, 0] = 0.0  # sample 0 has no depth
    added = run_adapters(adapters, ROUTES, streams, certainty=certainty, weight=weight)
    plain = separately(adapters, streams, certainty)
    torch.testing.assert_close(added[:, 1], plain[:, 1])
    torch.testing.assert_close(added[0, 0], adapters[1](streams[2], streams[0], certainty[2])[0])
    torch.testing.assert_close(added[1, 0], torch.zeros(10, 12))
    torch.testing.assert_close(added[2, 0], plain[2, 0])


def test_patches_must_form_a_square() -> None:
    assert grid_side(196) == 14
    with pytest.raises(BadInputError, match="square"):
        grid_side(195)
