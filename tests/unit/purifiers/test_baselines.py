from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.gaussian_blur import GaussianBlur
from facewarden.purifiers.identity import Identity
from facewarden.purifiers.jpeg import Jpeg
from facewarden.purifiers.median import Median
from stand_ins import generator, make_faces


def noisy(count: int = 2, *, height: int = 20, width: int = 17) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=generator(1))


def test_identity_changes_no_bit() -> None:
    images = noisy()
    assert torch.equal(Identity()(images), images)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_the_blur_is_that_of_scipy(sigma: float) -> None:
    images = noisy()
    expected = scipy.ndimage.gaussian_filter(images.numpy().astype(float), sigma, mode="nearest", axes=(2, 3))
    np.testing.assert_allclose(GaussianBlur(sigma=sigma)(images).numpy(), expected, atol=1e-6)


def test_the_blur_is_that_of_opencv() -> None:
    images = noisy(1)
    pixels = images[0].permute(1, 2, 0).numpy()
    expected = cv2.GaussianBlur(pixels, (9, 9), 1.0, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(GaussianBlur(sigma=1.0)(images)[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0, 1 / 3])
def test_the_blur_leaves_a_flat_image_flat_and_in_range(value: float) -> None:
    images = torch.full((1, 3, 9, 9), value)
    torch.testing.assert_close(GaussianBlur(sigma=3.0)(images), images, atol=1e-6, rtol=0)


def test_an_image_smaller_than_the_kernel_is_blurred_too() -> None:
    images = noisy(1, height=2, width=1)
    expected = scipy.ndimage.gaussian_filter(images.numpy().astype(float), 2.0, mode="nearest", axes=(2, 3))
    np.testing.assert_allclose(GaussianBlur(sigma=2.0)(images).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_median_is_that_of_scipy(size: int) -> None:
    images = noisy()
    expected = scipy.ndimage.median_filter(images.numpy(), size=(1, 1, size, size), mode="nearest")
    np.testing.assert_array_equal(Median(size=size)(images).numpy(), expected)


def test_the_median_is_that_of_opencv() -> None:
    images = noisy(1)
    pixels = np.ascontiguousarray(images[0].permute(1, 2, 0).numpy())
    expected = cv2.medianBlur(pixels, 3)
    np.testing.assert_array_equal(Median(size=3)(images)[0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("quality", [10, 75, 95])
def test_jpeg_is_a_round_trip_through_a_file(quality: int) -> None:
    images = make_faces(1)
    pixels = (images[0] * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    expected = np.asarray(Image.open(file)).astype(np.float32) / 255
    np.testing.assert_array_equal(Jpeg(quality=quality)(images)[0].permute(1, 2, 0).numpy(), expected)


def test_a_worse_quality_is_worse() -> None:
    images = noisy()
    errors = [float((Jpeg(quality=quality)(images) - images).square().mean()) for quality in (95, 50, 5)]
    assert errors == sorted(errors)
    assert errors[0] < errors[2]


def test_jpeg_takes_no_images() -> None:
    assert Jpeg()(torch.zeros(0, 3, 8, 8)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("purifier", [GaussianBlur(), Median(), Identity()])
def test_gradients_pass_where_it_is_said(purifier: Purifier) -> None:
    assert purifier.differentiable
    images = noisy().requires_grad_(True)
    purifier(images).square().sum().backward()
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0.0


def test_the_blur_has_the_gradient_of_its_finite_differences() -> None:
    images = noisy(1, height=4, width=3).double().requires_grad_(True)
    assert torch.autograd.gradcheck(GaussianBlur(sigma=0.8).purify, (images,))


@pytest.mark.parametrize("purifier", [GaussianBlur(sigma=1.5), Median(size=5), Jpeg(quality=20)])
def test_fine_noise_is_reduced(purifier: Purifier) -> None:
    clean = make_faces(1) * 0.8 + 0.1
    attacked = (clean + 0.06 * torch.randn(clean.shape, generator=generator(2)).sign()).clamp(0, 1)
    assert float((purifier(attacked) - purifier(clean)).abs().mean()) < 0.7 * float((attacked - clean).abs().mean())


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Jpeg, {"quality": 0}),
        (Jpeg, {"quality": 96}),
        (GaussianBlur, {"sigma": 0.0}),
        (GaussianBlur, {"sigma": float("nan")}),
        (GaussianBlur, {"sigma": float("inf")}),
        (Median, {"size": 2}),
        (Median, {"size": 0}),
        (Median, {"size": -1}),
    ],
)
def test_impossible_options_are_refused_with_a_possible_one(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(BadInputError) as error:
        make(**options)
    assert next(iter(options)) in error.value.hint


@pytest.mark.parametrize(
    ("purifier", "settings"),
    [(Jpeg(quality=40), {"quality": 40}), (GaussianBlur(sigma=2.0), {"sigma": 2.0}), (Median(size=5), {"size": 5})],
)
def test_the_card_states_the_settings_in_use(purifier: Purifier, settings: dict[str, Any]) -> None:
    assert purifier.card.settings == settings
