"""The further classical purifiers against OpenCV, scikit-image and worked cases."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.bilateral import Bilateral
from facewarden.purifiers.bit_depth import BitDepth
from facewarden.purifiers.gaussian_noise import GaussianNoise
from facewarden.purifiers.non_local_means import NonLocalMeans
from facewarden.purifiers.resize import Resize
from facewarden.purifiers.total_variation import TotalVariation
from stand_ins import generator, make_faces


def textured(count: int = 1, *, height: int = 24, width: int = 30, noise: float = 0.03) -> torch.Tensor:
    faces = make_faces(count)[..., :height, :width] * 0.8 + 0.1
    return faces + noise * torch.randn(faces.shape, generator=generator(1)).clamp(-3, 3)


def pixels(images: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(images[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize(("radius", "color", "space"), [(1, 0.1, 1.0), (4, 30 / 255, 3.0), (3, 0.5, 10.0)])
def test_the_bilateral_filter_is_that_of_opencv(radius: int, color: float, space: float) -> None:
    images = textured()
    expected = cv2.bilateralFilter(pixels(images), 2 * radius + 1, color, space, borderType=cv2.BORDER_REPLICATE)
    found = Bilateral(radius=radius, sigma_color=color, sigma_space=space)(images)
    np.testing.assert_allclose(pixels(found), expected, atol=2e-4)  # OpenCV looks its exponentials up in a table


def test_the_bilateral_filter_keeps_a_high_edge_and_a_blur_does_not() -> None:
    step = torch.zeros(1, 3, 9, 10)
    step[..., 5:] = 1.0
    torch.testing.assert_close(Bilateral(sigma_color=0.05)(step), step, atol=1e-6, rtol=0)
    assert float(Bilateral(sigma_color=50.0)(step)[0, 0, 4, 4]) > 0.3


@pytest.mark.parametrize(("weight", "steps"), [(0.1, 1), (0.1, 50), (0.3, 20)])
def test_total_variation_is_that_of_scikit_image(weight: float, steps: int) -> None:
    images = textured().double()
    # its image after n counted iterations is ours after n - 1 steps
    expected = denoise_tv_chambolle(pixels(images), weight=weight, eps=0, max_num_iter=steps + 1, channel_axis=-1)
    np.testing.assert_allclose(pixels(TotalVariation(weight=weight, steps=steps)(images)), expected, atol=1e-9)


def test_total_variation_flattens_a_step_by_what_the_theory_says() -> None:
    # two flat halves of width n move towards each other by weight / n each
    step = torch.full((1, 3, 4, 16), 0.2, dtype=torch.float64)
    step[..., 8:] = 0.8
    found = TotalVariation(weight=0.4, steps=2000)(step)
    assert float(found[0, 0, 2, 3]) == pytest.approx(0.2 + 0.4 / 8, abs=2e-3)
    assert float(found[0, 0, 2, 12]) == pytest.approx(0.8 - 0.4 / 8, abs=2e-3)


@pytest.mark.parametrize(("strength", "patch", "search"), [(0.05, 5, 6), (0.1, 3, 4)])
def test_non_local_means_is_that_of_opencv(strength: float, patch: int, search: int) -> None:
    images = (textured(height=40, width=44) * 255).round() / 255
    given = (pixels(images) * 255).round().astype(np.uint8)
    expected = cv2.fastNlMeansDenoising(given, None, strength * 255, patch, 2 * search + 1).astype(float)
    # OpenCV expects no noise in the differences, and mirrors the image at its border
    found = NonLocalMeans(sigma=1e-4, strength=strength / 1e-4, patch=patch, search=search)(images.double())
    inside = slice(search + patch, -search - patch)
    assert np.abs(expected - given)[inside, inside].max() > 8
    np.testing.assert_allclose(pixels(found)[inside, inside] * 255, expected[inside, inside], atol=1.0)


def test_non_local_means_is_its_definition_also_at_the_border() -> None:
    images, sigma, strength = textured(height=7, width=6).double(), 0.05, 0.8
    row = np.pad(pixels(images), ((3, 3), (3, 3), (0, 0)), mode="edge")  # search 2 and patch radius 1
    expected = np.zeros((7, 6, 3))
    for y, x in np.ndindex(7, 6):
        weights, total = 0.0, np.zeros(3)
        for down, right in np.ndindex(5, 5):
            apart = []
            for i, j in np.ndindex(3, 3):
                # a patch that leaves the image repeats the difference at its border
                u, v = min(max(y + i - 1, 0), 6) + 3, min(max(x + j - 1, 0), 5) + 3
                apart.append(((row[u + down - 2, v + right - 2] - row[u, v]) ** 2).mean())
            weight = np.exp(-max(np.mean(apart) - 2 * sigma**2, 0) / (strength * sigma) ** 2)
            weights, total = weights + weight, total + weight * row[y + 3 + down - 2, x + 3 + right - 2]
        expected[y, x] = total / weights
    found = NonLocalMeans(sigma=sigma, strength=strength, patch=3, search=2)(images)
    np.testing.assert_allclose(pixels(found), expected, atol=1e-12)


def test_non_local_means_averages_equal_patches_and_no_others() -> None:
    stripes = torch.zeros(1, 3, 12, 12)
    stripes[..., ::2] = 1.0
    torch.testing.assert_close(NonLocalMeans(sigma=0.05)(stripes), stripes, atol=1e-6, rtol=0)


@pytest.mark.parametrize("factor", [2, 3])
def test_resizing_is_that_of_opencv(factor: int) -> None:
    images = textured(height=24, width=30)
    small = cv2.resize(pixels(images), (30 // factor, 24 // factor), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(small, (30, 24), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(pixels(Resize(factor=float(factor))(images)), expected, atol=1e-5)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_bit_depth_leaves_two_to_the_bits_levels(bits: int) -> None:
    ramp = torch.linspace(0, 1, 4096, dtype=torch.float64).view(1, 1, 64, 64).expand(1, 3, 64, 64)
    found = BitDepth(bits=bits)(ramp)
    assert len(found.unique()) == 2**bits
    assert float((found - ramp).abs().max()) <= 0.5 / (2**bits - 1) + 1e-12


def test_one_bit_is_a_threshold_at_the_middle() -> None:
    row = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.0]).view(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert BitDepth(bits=1)(row)[0, 0, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_the_noise_has_the_stated_strength_and_follows_content_and_seed() -> None:
    images = torch.full((2, 3, 100, 100), 0.5)
    images[1, 0, 0, 0] = 0.6
    noise = GaussianNoise(sigma=0.05)(images) - images
    assert float(noise[0].std()) == pytest.approx(0.05, rel=0.03)
    assert float(noise[0].mean()) == pytest.approx(0.0, abs=1e-3)
    assert abs(float(torch.corrcoef(torch.stack([noise[0].flatten(), noise[1].flatten()]))[0, 1])) < 0.03
    assert torch.equal(GaussianNoise(sigma=0.05)(images[:1]) - images[:1], noise[:1])
    assert not torch.equal(GaussianNoise(sigma=0.05, seed=1)(images), images + noise)


def test_a_stored_copy_gets_the_noise_of_the_original() -> None:
    images = make_faces(1)
    stored = (images * 255).round() / 255
    first, second = GaussianNoise()(images) - images, GaussianNoise()(stored) - stored
    inside = (stored > 0.2) & (stored < 0.8)
    torch.testing.assert_close(first[inside], second[inside], atol=1e-6, rtol=0)


@pytest.mark.parametrize("purifier", [Bilateral(radius=2), TotalVariation(steps=6), NonLocalMeans(search=2), Resize()])
def test_the_gradient_is_that_of_finite_differences(purifier: Purifier) -> None:
    images = textured(height=6, width=5)[:, :].double().requires_grad_(True)
    assert torch.autograd.gradcheck(purifier.purify, (images,), atol=1e-4)


@pytest.mark.parametrize("purifier", [TotalVariation(), Bilateral(), NonLocalMeans()])
def test_flat_areas_give_finite_gradients(purifier: Purifier) -> None:
    images = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    purifier(images).square().sum().backward()
    assert images.grad is not None
    assert bool(torch.isfinite(images.grad).all())


@pytest.mark.parametrize("purifier", [Bilateral(), TotalVariation(), NonLocalMeans(), Resize()])
def test_fine_noise_is_reduced(purifier: Purifier) -> None:
    clean = make_faces(1) * 0.8 + 0.1
    attacked = (clean + 0.03 * torch.randn(clean.shape, generator=generator(2)).sign()).clamp(0, 1)
    left = float((purifier(attacked) - purifier(clean)).abs().mean())
    assert left < 0.9 * float((attacked - clean).abs().mean())


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Bilateral, {"radius": 0}),
        (Bilateral, {"sigma_color": 0.0}),
        (Bilateral, {"sigma_space": float("nan")}),
        (TotalVariation, {"weight": -1.0}),
        (TotalVariation, {"steps": 0}),
        (NonLocalMeans, {"sigma": 0.0}),
        (NonLocalMeans, {"strength": float("inf")}),
        (NonLocalMeans, {"patch": 4}),
        (NonLocalMeans, {"search": 0}),
        (Resize, {"factor": 1.0}),
        (BitDepth, {"bits": 0}),
        (BitDepth, {"bits": 9}),
        (GaussianNoise, {"sigma": 0.0}),
    ],
)
def test_impossible_options_are_refused_with_a_possible_one(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(BadInputError) as error:
        make(**options)
    assert next(iter(options)) in error.value.hint
