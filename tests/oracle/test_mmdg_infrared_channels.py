"""The picture of gradient histograms against scikit-image's."""

from __future__ import annotations

import pytest
import torch

from facewarden.nn.multimodal.infrared_channels import hog_image
from stand_ins import generator

feature = pytest.importorskip("skimage.feature", reason="pip install scikit-image")


def test_the_picture_is_that_of_scikit_image() -> None:
    gray = torch.rand(3, 1, 32, 40, generator=generator(4))
    ours = hog_image(gray)
    for one, image in zip(ours, gray, strict=True):
        _, drawn = feature.hog(
            image[0].double().numpy(), orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), visualize=True
        )
        expected = torch.from_numpy(drawn / drawn.max()).float()
        torch.testing.assert_close(one[0], expected, atol=1e-5, rtol=1e-4)
