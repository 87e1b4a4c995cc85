from __future__ import annotations

import math

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.infrared_channels import hog_image, plgf, stack_infrared
from stand_ins import generator


def noise(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 1, 24, 16, generator=generator(seed)) * 0.9 + 0.05


def test_three_channels_in_the_unit_range() -> None:
    stacked = stack_infrared(noise())
    assert stacked.shape == (2, 3, 24, 16)
    assert torch.equal(stacked[:, :1], noise())
    assert 0.0 <= float(stacked.min()) <= float(stacked.max()) <= 1.0


def test_an_edge_draws_its_stroke_along_itself() -> None:
    across = torch.arange(16.0).expand(1, 1, 16, 16) / 20  # brightness grows to the right: vertical edges
    drawn = hog_image(across)[0, 0, :8, :8]
    rows, columns = drawn.nonzero(as_tuple=True)
    assert int(rows.max() - rows.min()) >= 5, "the stroke is upright"
    assert int(columns.max() - columns.min()) <= 2


def test_force_on_a_single_bright_neighbor_by_hand() -> None:
    gray = torch.full((1, 1, 9, 9), 0.2)
    gray[0, 0, 4, 5] = 0.6  # pulls the pixel to its left by (0.6 - 0.2) / 0.2 relative to its own value, r = 1
    low_center = math.atan((0.6 - 0.2) / 0.2)
    pattern = plgf(gray) * 255
    corner = plgf(gray)[0, 0, 0, 0].item() * 255
    assert corner == pytest.approx(1.0, abs=1e-3), "no force on a flat neighborhood"
    strongest = max(math.atan((0.6 - 0.2) / 0.2), float(0))
    assert pattern[0, 0, 4, 4].item() == pytest.approx(1 + 254 * low_center / strongest, rel=1e-4)
    diagonal = math.atan((0.6 - 0.2) / 0.2 / 2)  # r squared is 2
    assert pattern[0, 0, 3, 4].item() == pytest.approx(1 + 254 * diagonal / strongest, rel=1e-4)


@pytest.mark.parametrize("make", [hog_image, plgf])
def test_gradients_are_finite_also_on_flat_images(make: object) -> None:
    for image in (noise(), torch.full((1, 1, 16, 16), 0.3), torch.zeros(1, 1, 16, 16)):
        x = image.clone().requires_grad_(True)
        make(x).square().sum().backward()  # type: ignore[operator]
        assert x.grad is not None
        assert bool(torch.isfinite(x.grad).all())


def test_sides_must_hold_whole_cells() -> None:
    with pytest.raises(BadInputError, match="multiples of 8"):
        hog_image(torch.zeros(1, 1, 20, 16))
