"""Descriptions of the floors against numpy, scikit-learn and analytic cases; what they must not react to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from facewarden.core.errors import BadInputError
from facewarden.nn.floors.depth_geometry import canonical_depth, plane_fit
from facewarden.nn.floors.heads import LinearHead, NeighborHead, hashed
from facewarden.nn.floors.plane import PlaneAndRatio
from facewarden.nn.floors.ridge import ridge_path, scaling_of
from facewarden.nn.floors.statistics import GlobalStatistics
from facewarden.nn.floors.texture import Texture, gradient_histograms
from facewarden.nn.floors.thumbnails import Thumbnails
from facewarden.nn.floors.tokens import TokenSummary, layer_tokens, layers_of, summarized
from facewarden.nn.trunk import load_trunk
from facewarden.nn.trunk_input import normalized, pixels_of

SIDE = 48


def pictures(count: int = 2, *, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(3 * count, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    images = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bilinear").view(3, count, 3, SIDE, SIDE)
    images[1:] = images[1:, :, :1]
    return images


def face_depth() -> torch.Tensor:
    steps = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return (0.45 + 0.25 * torch.exp(-3 * (x**2 + y**2)) + 0.02 * torch.sin(9 * x))[None]


def test_a_thumbnail_is_the_mean_of_its_cells() -> None:
    images = pictures()
    found = Thumbnails(8)(images)
    weights = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)
    gray = (images[0, 1].numpy() * weights).sum(axis=0)
    expected = gray.reshape(8, 6, 8, 6).mean(axis=(1, 3)).ravel()
    np.testing.assert_allclose(found[1, :64].numpy(), expected, atol=1e-6)
    assert found.shape == (2, 3 * 64)


@pytest.mark.parametrize("describer", [Thumbnails(4), Texture(), GlobalStatistics(), PlaneAndRatio()])
def test_what_needs_an_absent_sensor_is_nan_and_nothing_else(describer: torch.nn.Module) -> None:
    images, weight = pictures(), torch.ones(3, 2)
    whole = describer(images, weight)
    assert whole.shape == (2, describer.width)  # type: ignore[operator]
    assert bool(torch.isfinite(whole).all())
    weight[1, 0] = 0
    lacking = describer(images, weight)
    torch.testing.assert_close(lacking[1], whole[1])
    gone = torch.isnan(lacking[0])
    assert 0 < int(gone.sum()) < gone.numel()
    changed = images.clone()
    changed[1, 0] = 1 - changed[1, 0]
    torch.testing.assert_close(describer(changed, weight)[0][~gone], lacking[0][~gone])


@pytest.mark.parametrize(("factor", "shift"), [(0.7, 0.1), (-0.8, 0.9), (-1.0, 1.0), (1.3, -0.1)])
def test_canonical_depth_knows_neither_scale_nor_sign(factor: float, shift: float) -> None:
    depth = face_depth()
    torch.testing.assert_close(canonical_depth(factor * depth + shift), canonical_depth(depth), atol=1e-4, rtol=0)


def test_canonical_depth_has_the_middle_in_front_and_holes_at_the_median() -> None:
    depth = face_depth()
    depth[0, :6] = 0.0
    depth[0, 20:22, 20:22] = 1.0
    found = canonical_depth(1 - depth)
    assert float(found[0, SIDE // 2, SIDE // 2]) > 0.6
    assert bool((found[0, :6] == 0.5).all())
    assert bool((found[0, 20:22, 20:22] == 0.5).all())
    assert bool((canonical_depth(torch.zeros(1, SIDE, SIDE)) == 0.5).all())


def test_a_plane_with_outliers_is_found_and_leaves_no_residual() -> None:
    steps = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    depth = (0.5 + 0.1 * x - 0.05 * y)[None].clone()
    depth[0, 20:26, 20:26] += 0.3
    found, rest, face = plane_fit(depth, rounds=20)
    np.testing.assert_allclose(found[0].numpy(), [0.5, 0.1, -0.05], atol=2e-3)
    assert float(rest[0][face[0]].abs().median()) < 1e-3
    quadric, _, _ = plane_fit((0.5 - 0.1 * x * x + 0.03 * x * y)[None], degree=2)
    np.testing.assert_allclose(quadric[0].numpy(), [0.5, 0, 0, -0.1, 0.03, 0], atol=1e-4)


def test_flat_depth_has_a_smaller_plane_residual_than_a_face() -> None:
    images = torch.full((3, 2, 3, SIDE, SIDE), 0.5)
    images[1, 0] = face_depth()
    residual = PlaneAndRatio()(images)[:, 0]
    assert float(residual[0] - residual[1]) > 1.0


def test_gradient_histograms_turn_with_the_picture() -> None:
    image = pictures()[0, :1].mean(dim=1, keepdim=True)
    bright = gradient_histograms(image)
    torch.testing.assert_close(gradient_histograms(0.5 * image + 0.2), bright, atol=2e-2, rtol=0)
    stripes = (torch.arange(SIDE) % 6 / 6.0).expand(SIDE, SIDE)[None, None]
    across = gradient_histograms(stripes).view(9, 8, 8).sum(dim=(1, 2))
    along = gradient_histograms(stripes.transpose(-1, -2)).view(9, 8, 8).sum(dim=(1, 2))
    assert int(across.argmax()) == 0
    assert int(along.argmax()) == 4


@pytest.mark.parametrize("shape", [(60, 12), (30, 90)])
def test_the_ridge_is_that_of_scikit_learn_for_every_strength(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    labels = (x[:, 0] + rng.normal(size=shape[0]) > 0.4).astype(np.int64)
    strengths = (0.5, 20.0, 1e4)
    path = ridge_path(x, labels, strengths=strengths)
    for place, strength in enumerate(strengths):
        oracle = Ridge(alpha=strength).fit(x.astype(np.float64), np.where(labels == 1, 1.0, -1.0))
        np.testing.assert_allclose(path.scores(x)[place], oracle.predict(x), atol=2e-4)
    with pytest.raises(BadInputError, match="bona fide and attack"):
        ridge_path(x, np.ones(shape[0], np.int64))


def test_scaling_leaves_out_what_is_absent() -> None:
    rows = np.array([[1, np.nan, 5], [3, 4, 5], [np.nan, 8, 5]], np.float32)
    scaling = scaling_of(rows)
    np.testing.assert_allclose(scaling.mean, [2, 6, 5])
    np.testing.assert_allclose(scaling.deviation, [1, 2, 1])
    np.testing.assert_allclose(scaling.of(rows), [[-1, 0, 0], [1, -1, 0], [0, 1, 0]])
    head = LinearHead(3)
    head.mean, head.deviation = torch.from_numpy(scaling.mean), torch.from_numpy(scaling.deviation)
    direct = torch.from_numpy(scaling.of(rows)) @ head.line.weight[0] + head.line.bias
    torch.testing.assert_close(head(torch.from_numpy(rows)), direct)


def test_neighbors_are_nearer_to_their_own_class_and_come_back_from_a_file() -> None:
    head = NeighborHead(2, neighbors=2)
    head.register_buffer("bona_fide", torch.tensor([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0]]))
    head.register_buffer("attack", torch.tensor([[5.0, 0.0], [5.0, 1.0]]))
    scores = head(torch.tensor([[0.0, 0.5], [5.0, 0.5], [2.5, 0.5]]))
    expected = (np.hypot(5, 0.5) - 0.5) / (np.hypot(5, 0.5) + 0.5)
    np.testing.assert_allclose(scores.tolist(), [expected, -expected, 0.0], atol=1e-6)
    again = NeighborHead(2, neighbors=2)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(torch.tensor([[1.0, 2.0]])), head(torch.tensor([[1.0, 2.0]])))


def test_chance_repeats_and_differs_by_pixel() -> None:
    images = pictures(3)[0]
    first = hashed(images)
    assert torch.equal(first, hashed(images))
    assert len(set(first.tolist())) == 3


def test_tokens_are_timms_own_intermediates() -> None:
    trunk = load_trunk("vit_tiny_patch16_224:fresh", size=32, seed=0, depth=8).eval()
    images = normalized(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        layers, first = layer_tokens(trunk, images)
        final, between = trunk.forward_intermediates(images, indices=[1, 3, 5], norm=False, output_fmt="NLC")  # type: ignore[operator]
    assert layers_of(8) == (1, 3, 5, 7)
    assert layers_of(12) == (2, 5, 8, 11)
    for mine, theirs in zip(layers, [*between, final[:, 1:]], strict=True):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(first, final[:, 0])
    summary = summarized(layers, first)
    np.testing.assert_allclose(summary[1, 192:384].numpy(), between[0][1].mean(dim=0).numpy(), atol=1e-5)
    np.testing.assert_allclose(summary[1, 384:576].numpy(), between[0][1].numpy().std(axis=0), atol=1e-4)


def test_pixels_come_back_from_what_a_trunk_takes() -> None:
    pixels = pictures()
    assert float(normalized(torch.tensor(0.5))) == 0.0
    torch.testing.assert_close(pixels_of(normalized(pixels)), pixels, atol=1e-6, rtol=0)
    assert pixels_of(torch.tensor([-2.0, 2.0])).tolist() == [0.0, 1.0]


def test_each_form_of_depth_has_its_block() -> None:
    trunk = load_trunk("vit_tiny_patch16_224:fresh", size=SIDE, seed=0, depth=1).eval()
    images = pictures()
    forms = {form: TokenSummary(trunk, depth=form, layers="last") for form in ("picture", "canonical", "both")}
    with torch.no_grad():
        found = {form: describer(images) for form, describer in forms.items()}
        inverted = torch.stack([images[0], 1 - images[1], images[2]])
        canonical = forms["canonical"](inverted)
    torch.testing.assert_close(canonical, found["canonical"], atol=1e-4, rtol=1e-4)
    each = 2 * 192
    assert found["both"].shape == (2, 4 * each)
    torch.testing.assert_close(found["both"][:, each : 2 * each], found["picture"][:, each : 2 * each])
    torch.testing.assert_close(found["both"][:, 3 * each :], found["canonical"][:, each : 2 * each])
