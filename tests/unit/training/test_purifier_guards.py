"""Guards of the training of purifiers: draws, losses and gradients, told by networks whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facewarden.nn.restorer import build_restorer
from facewarden.training.amplify import draw_batch, residual_cloak
from facewarden.training.edits import edited
from facewarden.training.features import FeatureDistance
from facewarden.training.pairs import PairSet
from facewarden.training.purifier_loop import fit_purifier
from facewarden.training.purifier_recipe import PurifierSettings
from facewarden.training.suspicion import fit_suspicion, statistics
from stand_ins import generator

UNET = {"body": "unet", "widths": [8, 8], "contrast": 12, "gain": 0.1}


def pair_set(count: int = 16, *, side: int = 16, depth: tuple[int, ...] = (8,)) -> PairSet:
    """Smooth mid-gray faces with a faint checkerboard as their cloak, of one depth after the other."""
    rng = np.random.default_rng(0)
    clean = np.repeat(np.repeat(rng.integers(100, 150, (count, side // 4, side // 4, 3)), 4, 1), 4, 2)
    board = np.indices((side, side)).sum(0) % 2 * 2 - 1
    depths = np.array([depth[number % len(depth)] for number in range(count)])
    cloaked = clean + depths[:, None, None, None] * board[None, :, :, None]
    names = tuple(f"face {number}" for number in range(count))
    return PairSet(clean.astype(np.uint8), cloaked.astype(np.uint8), names, names, ("board",) * count)


def settings(**changed: Any) -> PurifierSettings:
    plain: dict[str, Any] = {"epochs": 1, "batch": 8, "precision": "no", "residual_cloak": 0.0, "warmup": 0.0}
    return PurifierSettings(**(plain | {"mirror": False, "natural": 0.0, "amplify": (1.0, 1.0)} | changed))


class Shifts(nn.Module):
    """Adds a number to every value, which it can learn."""

    def __init__(self, by: float = 0.0) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.by


class Smooths(nn.Module):
    """Takes the checkerboard out and leaves all else."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.avg_pool2d(images, 4), scale_factor=4.0)


class Brightness(FeatureDistance):
    """Prefers white, whatever is wanted; remembers what it was shown."""

    name = "brightness"

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        self.seen.append(found.detach())
        return (1 - found).mean()


def factors(**changed: Any) -> Tensor:
    """The k that every sample of a batch was amplified by, read from the pixels."""
    pairs = pair_set(120)
    seen, wanted, _ = draw_batch(pairs, list(range(120)), settings=settings(**changed), seed=0, epoch=0)
    board = torch.from_numpy(pairs.cloaked.astype(np.float32) - pairs.clean).permute(0, 3, 1, 2)
    return ((seen - wanted) * 255 * board).sum(dim=(1, 2, 3)) / board.square().sum(dim=(1, 2, 3))


@pytest.mark.parametrize("sign", [1, -1])
def test_every_sample_draws_its_own_factor_from_the_whole_range_with_the_sign_of_the_recipe(sign: int) -> None:
    drawn = sign * factors(amplify=(0.5, 3.0), sign=sign)
    rounding = 0.5 / 8 + 1e-3
    assert 0.5 - rounding <= float(drawn.min()) < 0.8
    assert 2.7 < float(drawn.max()) <= 3.0 + rounding
    assert float(drawn.mean()) == pytest.approx(1.75, abs=0.25)
    assert float(drawn.std()) == pytest.approx(2.5 / 12**0.5, abs=0.15)


def test_natural_samples_have_the_factor_zero_and_the_others_one_of_the_range() -> None:
    drawn = factors(amplify=(1.0, 1.0), natural=0.4)
    assert set(drawn.round(decimals=3).tolist()) == {0.0, 1.0}


def test_a_batch_is_of_eight_bits_whatever_the_factor() -> None:
    seen, wanted, _ = draw_batch(pair_set(), list(range(16)), settings=settings(amplify=(0.3, 2.0)), seed=0, epoch=0)
    for images in (seen, wanted):
        torch.testing.assert_close(images * 255, (images * 255).round(), atol=1e-3, rtol=0)


def test_losses_and_the_look_at_others_are_of_what_a_file_would_hold(tmp_path: Path) -> None:
    feature, pairs = Brightness(), pair_set(8)
    log = fit_purifier(
        Shifts(0.3 / 255), pairs, dev=pairs, features=[feature],
        settings=settings(natural=0.999, feature=1.0, rate=1e-9), seed=0, run=tmp_path,
    )  # fmt: skip
    for images in feature.seen:
        torch.testing.assert_close(images * 255, (images * 255).round(), atol=1e-3, rtol=0)
    assert log[0]["image"] == pytest.approx(1e-4, rel=1e-3)  # the floor under the root: no visible change
    assert log[0]["dev_natural"] == pytest.approx(100.0)


@pytest.mark.parametrize(("image", "wanted"), [("rmse", (34.0) ** 0.5), ("rmse_each", 5.0), ("l1", 5.0)])
def test_the_image_loss_is_the_one_that_the_recipe_names(tmp_path: Path, image: str, wanted: float) -> None:
    pairs = pair_set(8, depth=(2, 8))
    log = fit_purifier(Shifts(), pairs, dev=None, features=[], settings=settings(image=image), seed=0, run=tmp_path)
    assert log[0]["image"] * 255 == pytest.approx(wanted, rel=1e-3)


def test_the_residual_cloak_is_along_the_cloak_and_not_along_what_jpeg_made_of_it(tmp_path: Path) -> None:
    pairs, how = pair_set(8), settings(residual_cloak=1.0, jpeg_share=1.0, quality=(30, 30), rate=1e-12)
    log = fit_purifier(Shifts(), pairs, dev=None, features=[], settings=how, seed=0, run=tmp_path)
    batch = draw_batch(pairs, list(range(8)), settings=how, seed=0, epoch=0)
    along, stored = (
        float(residual_cloak(batch.seen - batch.wanted, way)) for way in (batch.change, batch.seen - batch.wanted)
    )
    assert abs(along - stored) > 0.01
    assert log[0]["residual_cloak"] == pytest.approx(along, rel=1e-3)


def test_the_network_learns_from_the_feature_loss(tmp_path: Path) -> None:
    found = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        network, features = build_restorer(UNET), [Brightness()]
        fit_purifier(
            network, pair_set(), dev=None, features=features,
            settings=settings(epochs=4, rate=1e-2, feature=weight), seed=0, run=tmp_path / str(weight),
        )  # fmt: skip
        with torch.no_grad():
            found[weight] = float(network(torch.full((1, 3, 16, 16), 0.5)).mean())
    assert found[1.0] > found[0.0] + 0.005


def test_feature_networks_share_their_weight_and_look_at_as_many_faces_as_said(tmp_path: Path) -> None:
    one, other = Brightness(), Brightness()
    other.name = "other"
    log = fit_purifier(
        Shifts(), pair_set(8), dev=None, features=[one, other],
        settings=settings(feature=0.5, feature_faces=3, rate=1e-9), seed=0, run=tmp_path,
    )  # fmt: skip
    assert {len(images) for images in one.seen + other.seen} == {3}
    whole = float(1 - one.seen[0].mean())
    assert log[0]["brightness"] == pytest.approx(0.25 * whole, rel=1e-3)
    assert log[0]["brightness"] == pytest.approx(log[0]["other"])


def test_the_likelihood_of_a_cloak_is_high_for_cloaks_and_low_for_natural_faces() -> None:
    pairs = pair_set(40)
    noise = torch.randint(-1, 2, pairs.clean.shape, generator=generator(1)).numpy()
    grainy = PairSet(
        (pairs.clean + noise).astype(np.uint8), (pairs.cloaked + noise).astype(np.uint8),
        pairs.person, pairs.key, pairs.kind,
    )  # fmt: skip
    fitted = fit_suspicion(Smooths(), grainy)
    natural, cloaked = (
        1 / (1 + np.exp(-(statistics(Smooths(), crops) @ np.array(fitted["weights"]) + fitted["bias"])))
        for crops in (grainy.clean, grainy.cloaked)
    )
    assert natural.max() < 0.2
    assert cloaked.min() > 0.8


@pytest.mark.parametrize(("family", "strength"), [("noise", 4.0), ("sharpening", 1.0), ("contrast", 1.4)])
def test_an_edited_natural_face_is_no_cloaked_one(family: str, strength: float) -> None:
    pairs = pair_set(40, side=32)
    fitted = fit_suspicion(Smooths(), pairs)
    crops = np.stack([edited(crop, family, strength, seed=row) for row, crop in enumerate(pairs.clean)])
    weights, bias = np.array(fitted["weights"]), fitted["bias"]
    assert (statistics(Smooths(), crops) @ weights + bias > 0).mean() <= 0.1
    assert (statistics(Smooths(), pairs.cloaked) @ weights + bias > 0).mean() >= 0.95
