from __future__ import annotations

import math

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.uem import certainty_closed_form, certainty_mc
from stand_ins import generator


def tokens(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 5, 48, generator=generator(seed))


def test_the_closed_form_by_hand() -> None:
    activation = torch.tensor([[[0.0, 0.5, -2.0]]])
    scale = 2.25 * math.sqrt(0.3 / 0.7)
    expected = (1 + math.exp(-scale * 0.5) + math.exp(-scale * 2.0)) / 3
    assert scale == pytest.approx(1.473, abs=1e-3), "the constant of the specification"
    assert certainty_closed_form(activation).item() == pytest.approx(expected, abs=1e-6)


def test_a_token_of_zeros_is_certain() -> None:
    zeros = torch.zeros(3, 4, 8)
    assert torch.equal(certainty_closed_form(zeros), torch.ones(3, 4))
    assert torch.equal(certainty_mc(zeros, generator=generator(1)), torch.ones(3, 4))


def test_sampling_converges_to_the_closed_form() -> None:
    activation, exact = tokens(), certainty_closed_form(tokens())
    errors = [
        float((certainty_mc(activation, samples=count, generator=generator(3)) - exact).abs().max())
        for count in (5, 80, 20000)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3


def test_one_draw_per_value_has_the_distribution_of_twenty_masks() -> None:
    activation = torch.ones(1, 1, 60_000)
    masks = torch.rand(20, 60_000, generator=generator(5)) >= 0.3
    literal = (masks / 0.7).std(dim=0)
    ours = -certainty_mc(activation.reshape(60_000, 1), generator=generator(6)).log() / 2.25
    # the spread depends on the count of kept copies only, so compare how often each value occurs
    values = torch.unique((literal * 1e4).round())
    for value in values.tolist():
        often = float(((literal * 1e4).round() == value).double().mean())
        assert float(((ours * 1e4).round() == value).double().mean()) == pytest.approx(often, abs=0.012)
    assert float(ours.mean()) == pytest.approx(float(literal.mean()), rel=5e-3)


def test_equal_generators_give_equal_draws_and_shared_draws_ignore_the_batch() -> None:
    activation = tokens()[None].expand(3, -1, -1, -1)
    assert torch.equal(
        certainty_mc(activation, generator=generator(1)), certainty_mc(activation, generator=generator(1))
    )
    both = certainty_mc(activation, generator=generator(1), shared=True)
    alone = certainty_mc(activation[:, 1:], generator=generator(1), shared=True)
    torch.testing.assert_close(both[:, 1:], alone, rtol=0, atol=0)


def test_without_dropout_everything_is_certain() -> None:
    assert torch.equal(certainty_mc(tokens(), dropout=0.0), torch.ones(2, 5))
    assert torch.equal(certainty_closed_form(tokens(), dropout=0.0), torch.ones(2, 5))


def test_no_gradient_flows() -> None:
    activation = tokens().requires_grad_(True)
    assert not certainty_closed_form(activation).requires_grad
    assert not certainty_mc(activation).requires_grad


@pytest.mark.parametrize("bad", [{"dropout": 1.0}, {"dropout": -0.1}, {"rate": -1.0}])
def test_senseless_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        certainty_closed_form(tokens(), **bad)
    with pytest.raises(BadInputError, match="spread"):
        certainty_mc(tokens(), samples=1)
