from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.gradient_sources.lbp import lbp
from stand_ins import generator


def gray(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows)[None, None].repeat(1, 3, 1, 1)


@pytest.mark.parametrize("level", [0.0, 0.3137, 1.0])
@pytest.mark.parametrize("radius", [1, 2])
def test_a_flat_image_is_one_everywhere(level: float, radius: int) -> None:
    assert torch.equal(lbp(torch.full((2, 3, 5, 7), level), radius=radius), torch.ones(2, 1, 5, 7))


def test_the_code_is_that_of_a_hand_worked_neighborhood() -> None:
    image = gray([[0.9, 0.1, 0.9], [0.1, 0.5, 0.9], [0.1, 0.1, 0.1]])
    # clockwise from the upper left: 1 0 1 1 0 0 0 0 -> 1 + 4 + 8
    assert float(lbp(image)[0, 0, 1, 1]) == pytest.approx(13 / 255)
    # two stretches of bright neighbors: not uniform
    assert float(lbp(image, pattern="uniform")[0, 0, 1, 1]) == pytest.approx(9 / 9)
    stretch = gray([[0.1, 0.1, 0.9], [0.1, 0.5, 0.9], [0.1, 0.1, 0.9]])
    assert float(lbp(stretch, pattern="uniform")[0, 0, 1, 1]) == pytest.approx(3 / 9)


def test_it_lies_in_the_unit_range_repeats_itself_and_has_no_gradient() -> None:
    images = torch.rand(2, 3, 9, 8, generator=generator(0)).requires_grad_(True)
    found = lbp(images)
    assert not found.requires_grad
    assert float(found.min()) >= 0.0
    assert float(found.max()) <= 1.0
    assert torch.equal(found, lbp(images))


def test_nonsense_is_refused() -> None:
    with pytest.raises(BadInputError, match="radius 0"):
        lbp(torch.rand(1, 3, 4, 4), radius=0)
