"""Head losses against hand-worked values and torch's own, masks, and what a class says of itself."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.tasks import AENET_WEIGHTS, ATTRIBUTES, HEADS, head_loss, head_width, known

NAN = math.nan


def test_the_words_have_the_lengths_of_the_published_labels() -> None:
    assert [head_width(head) for head in HEADS] == [2, 40, 11, 5, 1, 3]
    assert len(set(ATTRIBUTES)) == 40
    assert (ATTRIBUTES[15], ATTRIBUTES[20], ATTRIBUTES[31], ATTRIBUTES[39]) == (
        "Eyeglasses", "Male", "Smiling", "Young",
    )  # fmt: skip
    assert set(AENET_WEIGHTS) == set(HEADS)


def test_an_unknown_head_names_the_heads() -> None:
    with pytest.raises(BadInputError, match="smile") as raised:
        head_width("smile")
    assert "reflection_map" in raised.value.hint


def test_codes_are_cross_entropy_and_nothing_where_unknown() -> None:
    output = torch.tensor([[0.0, 1.0, -1.0, 0.5, 0.0], [2.0, 0.0, 0.0, 0.0, 0.0]])
    found = head_loss("illumination", output, torch.tensor([3, -1]))
    first = -0.5 + math.log(sum(math.exp(v) for v in (0.0, 1.0, -1.0, 0.5, 0.0)))
    assert found.tolist() == pytest.approx([first, 0.0])
    assert known("illumination", torch.tensor([3, -1])).tolist() == [True, False]


def test_attributes_are_the_mean_over_those_that_are_known() -> None:
    output = torch.zeros(3, 40)
    output[0, :2] = torch.tensor([1.0, -2.0])
    target = torch.full((3, 40), NAN)
    target[0, :2] = torch.tensor([1.0, 0.0])
    target[1] = 0.0
    found = head_loss("attributes", output, target)
    first = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-2.0))) / 2
    assert found.tolist() == pytest.approx([first, math.log(2), 0.0])
    assert known("attributes", target).tolist() == [True, True, False]


def test_maps_are_averaged_down_to_the_output_and_ignore_holes() -> None:
    target = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    output = functional.avg_pool2d(target, 2) + 0.25
    assert head_loss("depth_map", output, target).tolist() == pytest.approx([0.0625])
    holed = torch.cat([target, torch.full_like(target, NAN)])
    both = output.repeat(2, 1, 1, 1).requires_grad_(True)
    found = head_loss("depth_map", both, holed)
    assert found.tolist() == pytest.approx([0.0625, 0.0])
    found.sum().backward()
    assert both.grad is not None
    assert bool(torch.isfinite(both.grad).all())
    assert float(both.grad[1].abs().sum()) == 0.0
