"""SSIM against scikit-image, by hand where that is possible, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from facewarden.core.errors import BadInputError
from facewarden.nn.ssim import dssim, ssim
from stand_ins import generator, make_faces


def pair(noise: float, *, count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    clean = make_faces(count)[:, :, :40, :33]
    return clean, (clean + noise * torch.randn(clean.shape, generator=generator(7))).clamp(0, 1)


@pytest.mark.parametrize("noise", [0.004, 0.03, 0.2])
def test_it_is_that_of_scikit_image(noise: float) -> None:
    first, second = pair(noise)
    expected = [
        structural_similarity(
            a.numpy().astype(float), b.numpy().astype(float), data_range=1.0, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(first, second, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(first, second).numpy(), expected, atol=2e-4 * (1 - min(expected)) + 1e-6)


def test_two_flat_images_differ_in_luminance_alone() -> None:
    one, other = (torch.full((1, 3, 11, 11), v, dtype=torch.float64) for v in (0.5, 0.7))
    expected = (2 * 0.5 * 0.7 + 1e-4) / (0.5**2 + 0.7**2 + 1e-4)
    assert float(ssim(one, other)) == pytest.approx(expected, abs=1e-9)


def test_it_is_symmetric_and_one_only_for_equal_images() -> None:
    first, second = pair(0.05)
    torch.testing.assert_close(ssim(first, second), ssim(second, first))
    torch.testing.assert_close(ssim(first, first), torch.ones(3))
    assert float(ssim(first, second).max()) < 0.999


def test_the_gradient_is_that_of_finite_differences() -> None:
    first, second = (x[:1, :, :12, :12].double() for x in pair(0.05))
    assert torch.autograd.gradcheck(lambda x: ssim(x, second, window=5), (first.requires_grad_(True),))


def test_dissimilarity_runs_from_zero_and_takes_small_images() -> None:
    first, second = pair(0.05)
    torch.testing.assert_close(dssim(first, second), (1 - ssim(first, second)) / 2)
    torch.testing.assert_close(dssim(first, first), torch.zeros(3), atol=1e-6, rtol=0)
    small = dssim(first[..., :8, :9], second[..., :8, :9])
    torch.testing.assert_close(small, (1 - ssim(first[..., :8, :9], second[..., :8, :9], window=7)) / 2)


def test_an_image_below_the_window_is_refused_with_what_to_do() -> None:
    first, second = (x[..., :10, :] for x in pair(0.05))
    with pytest.raises(BadInputError, match="33 x 10"):
        ssim(first, second)
    with pytest.raises(BadInputError, match="odd"):
        ssim(first, second, window=4)
