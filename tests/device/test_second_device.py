"""The second device itself: values and gradients are the CPU's, and what CUDA refuses is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from second_device import SecondTensor, second_device


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.LayerNorm(64), nn.Linear(64, 2),
    )  # fmt: skip


def trained(device: torch.device | str) -> tuple[list[Tensor], Tensor]:
    model, images = network().to(device), torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = functional.cross_entropy(model(images.to(device)), torch.tensor([0, 1, 1, 0], device=device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    inputs = images.to(device).requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(inputs).square().sum(), inputs)
    return [value.cpu() for value in model.state_dict().values()], gradient.cpu()


def test_training_and_gradients_have_the_values_of_the_cpu(second: torch.device) -> None:
    weights, gradient = trained(second)
    expected, at_home = trained("cpu")
    assert all(type(value) is Tensor for value in (*weights, gradient))
    for one, other in zip((*weights, gradient), (*expected, at_home), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "mix",
    [
        lambda here, there: here + there,
        lambda here, there: torch.cat([there, here]),
        lambda here, there: torch.where(there > 0, here, here),
        lambda here, there: functional.linear(here, there),
        lambda here, there: here.index_copy(0, torch.arange(3), here),
        lambda here, there: here.clone().masked_fill(there > 0, 0.0),
        lambda here, there: nn.Linear(4, 2)(here),
    ],
)
def test_an_operation_on_both_devices_is_refused(mix: Callable[[Tensor, Tensor], Tensor], second: torch.device) -> None:
    with pytest.raises(RuntimeError, match="same device"):
        mix(torch.rand(3, 4).to(second), torch.rand(3, 4))


def test_what_cuda_takes_from_the_cpu_is_taken(second: torch.device) -> None:
    values = torch.arange(12.0).reshape(3, 4)
    here = values.to(second)
    assert (here * torch.tensor(2.0)).tolist() == (values * 2).tolist()
    assert here[torch.tensor([2, 0])].tolist() == values[[2, 0]].tolist()
    here[torch.tensor([True, False, False])] = 0.0
    assert here[0].tolist() == [0.0] * 4
    assert float(here.sum()) == 60.0
    assert bool((here >= 0).all())
    assert values[0, 1] == 1.0  # moving copied


def test_numpy_needs_a_move_first(second: torch.device) -> None:
    here = torch.rand(2).to(second)
    for read in (lambda: here.numpy(), lambda: np.asarray(here)):
        with pytest.raises(TypeError, match=r"Tensor\.cpu\(\)"):
            read()
    assert here.cpu().numpy().tolist() == here.tolist()


def test_a_generator_draws_on_its_own_device_only(second: torch.device) -> None:
    drawn = torch.rand(3, generator=torch.Generator(second).manual_seed(1), device=second)
    assert drawn.device == second
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, generator=torch.Generator(), device=second)
    with pytest.raises(RuntimeError, match="generator"):
        drawn.uniform_(generator=torch.Generator())
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, generator=torch.Generator(second))


def test_factories_follow_the_device_that_they_are_told(second: torch.device) -> None:
    here = torch.zeros(2, dtype=torch.float64, device=second)
    for made in (torch.tensor([1, 2], device=second), here.new_tensor([1.0]), torch.as_tensor(here), here.new_zeros(3)):
        assert made.device == second
        assert isinstance(made, SecondTensor)
    assert here.new_tensor([1.0]).dtype == torch.float64
    assert torch.tensor([1, 2]).device == torch.device("cpu")


def test_a_module_moves_in_place_and_is_copied_where_it_is(second: torch.device) -> None:
    model = network()
    before = list(model.parameters())
    model.to(second)
    assert all(one is other for one, other in zip(before, model.parameters(), strict=True))
    twin = copy.deepcopy(model)
    assert all(isinstance(p, nn.Parameter) and p.device == second for p in twin.parameters())
    before[0].data.zero_()
    assert bool((next(twin.parameters()) != 0).any())
