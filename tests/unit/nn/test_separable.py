from __future__ import annotations

import pytest
import scipy.ndimage
import torch

from facewarden.nn.separable import filter_separably
from stand_ins import generator


@pytest.mark.parametrize("size", [(20, 33), (9, 9), (6, 300)])
def test_both_ways_are_those_of_scipy(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, generator=generator(0)).double()
    weights = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=torch.float64)
    expected = scipy.ndimage.correlate1d(images.numpy(), weights.numpy(), axis=2)
    expected = scipy.ndimage.correlate1d(expected, weights.numpy(), axis=3)[:, :, 2:-2, 2:-2]
    torch.testing.assert_close(filter_separably(images, weights), torch.from_numpy(expected))
