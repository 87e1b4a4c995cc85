"""Cloaks of smooth fields: their bounds, what they reach, their seeds, and their gradients by finite difference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from facewarden.attacks.parts.field_attack import FieldAttack
from facewarden.attacks.smooth import Smooth
from facewarden.attacks.tint import Tint
from facewarden.attacks.warp import Warp
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.attack_options import build_attack
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.photos.cloak_attack import choose_method
from stand_ins import TinyRecognizer, generator, make_faces

KEYS = ("a", "b")
MAKERS = [Smooth, Warp, Tint]
BUDGET = ThreatModel(eps=8 / 255)


def push() -> PushAway:
    rough = make_faces(2) * 0.6 + 0.2
    return PushAway([TinyRecognizer(1), TinyRecognizer(2)], functional.avg_pool2d(rough, 5, 1, 2), keys=KEYS)


@pytest.mark.parametrize("make", MAKERS)
def test_the_embedding_moves_and_the_seed_decides(make: type[FieldAttack]) -> None:
    first, again, other = (make(steps=8)(push(), BUDGET, seed=seed) for seed in (1, 1, 2))
    assert bool((first.loss > first.loss_clean + 1e-3).all())
    assert torch.equal(first.images["rgb"], again.images["rgb"])
    assert not torch.equal(first.images["rgb"], other.images["rgb"])
    assert first.gradient_calls == 8


@pytest.mark.parametrize("make", MAKERS)
def test_steps_beat_the_random_field_that_they_start_from(make: type[FieldAttack]) -> None:
    one, many = (make(steps=steps)(push(), BUDGET).loss.mean() for steps in (1, 16))
    assert float(many) > float(one)


@pytest.mark.parametrize("make", MAKERS)
def test_the_gradient_of_the_field_is_that_of_finite_differences(make: type[FieldAttack]) -> None:
    torch.manual_seed(0)
    attack, clean = make(grid=3), 0.3 + 0.4 * torch.rand(1, 3, 12, 12, dtype=torch.float64)
    clean = functional.interpolate(clean[..., :4, :4], (12, 12), mode="bicubic").clamp(0.3, 0.7)
    field = 0.6 * (torch.rand(1, attack.channels(clean), 3, 3, dtype=torch.float64) * 2 - 1)
    weights = torch.rand_like(clean)
    found = attack.slope(clean, field, weights, BUDGET).flatten()
    for at in (0, 4, 13):
        step = torch.zeros_like(field).flatten()
        step[at] = 1e-7
        ends = [
            float((attack.render(clean, field + side * step.view_as(field), BUDGET) * weights).sum())
            for side in (1, -1)
        ]
        assert (ends[0] - ends[1]) / 2e-7 == pytest.approx(float(found[at]), rel=1e-3, abs=1e-6)


def test_no_displacement_is_longer_than_its_budget() -> None:
    field = torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    lengths = Warp(pixels=2.5).displacement(field.sign(), 112, 112).norm(dim=1)
    assert 2.4 < float(lengths.max()) <= 2.5 + 1e-5


def test_a_constant_displacement_moves_the_picture() -> None:
    clean = make_faces(1)
    field = torch.zeros(1, 2, 8, 8)
    field[:, 0] = 1.0
    moved = Warp(pixels=2.0).render(clean, field, BUDGET)
    torch.testing.assert_close(moved[..., :-2], clean[..., 2:], atol=1e-4, rtol=0)


def test_a_tint_keeps_its_gains_and_offsets() -> None:
    clean = make_faces(2)
    for sign in (-1.0, 1.0):
        tinted = Tint(color=0.2).render(clean, sign * torch.ones(2, 6, 5, 5), BUDGET)
        torch.testing.assert_close(tinted, (clean * (1 + sign * 0.2) + sign * 0.05).clamp(0, 1))


def test_a_smooth_field_has_no_fine_detail() -> None:
    goal = push()
    change = Smooth(steps=6)(goal, BUDGET).images["rgb"] - goal.clean["rgb"]
    coarse = functional.interpolate(functional.avg_pool2d(change, 2), scale_factor=2.0, mode="bilinear")
    assert float((change - coarse).square().mean()) < 0.02 * float(change.square().mean())
    assert float(change.abs().max()) <= 8 / 255 + 1e-6


@pytest.mark.parametrize(
    ("method", "options"),
    [("warp", [{"pixels": p} for p in (1.5, 2.5, 4.0)]), ("tint", [{"color": c} for c in (0.1, 0.2, 0.4)])],
)
def test_a_strength_is_a_budget_of_its_own_kind(method: str, options: list[dict[str, float]]) -> None:
    for strength, wanted in zip(("low", "mid", "high"), options, strict=True):
        found = choose_method(method, strength=strength, eps=None, thorough=False)
        assert {name: getattr(found.attack, name) for name in wanted} == wanted
        assert found.threat.eps == 1.0
    with pytest.raises(BadInputError, match="not gray levels"):
        choose_method(method, strength="mid", eps=8.0, thorough=False)
    with pytest.raises(BadInputError, match="not gray levels"):
        _ = CloakRecipe(method, "8", ("one",)).eps
    with pytest.raises(BadInputError, match="a cloak of faces"):
        build_attack(method, {})
    assert build_attack("smooth", {"grid": "7"}).own_budget is None


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(Smooth, {"grid": 1}), (Smooth, {"steps": 0}), (Warp, {"pixels": 0.0}), (Warp, {"pixels": 17.0}),
     (Tint, {"color": 0.0}), (Tint, {"color": 1.5})],
)  # fmt: skip
def test_what_is_no_budget_is_refused(make: Any, wrong: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        make(**wrong)


@pytest.mark.parametrize("make", MAKERS)
def test_noise_beside_a_field_reaches_more_and_stays_in_its_part(make: type[FieldAttack]) -> None:
    alone, both = (make(steps=6, noise=noise)(push(), BUDGET) for noise in (0.0, 4.0))
    assert float(both.loss.mean()) > float(alone.loss.mean()) or make is Smooth
    clean = push().clean["rgb"]
    if make is Smooth:
        assert float((both.images["rgb"] - clean).abs().max()) <= 8 / 255 + 1e-6
    low, high = (make(noise=noise).bounds(clean)[1] for noise in (0.0, 4.0)) if make is not Smooth else (clean, clean)
    torch.testing.assert_close(high - low, torch.full_like(low, 0.0 if make is Smooth else 4 / 255))


def test_noise_that_is_the_whole_budget_is_refused() -> None:
    with pytest.raises(BadInputError, match="noise of 8 gray levels"):
        Smooth(noise=8.0)(push(), BUDGET)
    with pytest.raises(BadInputError, match="noise of 4 gray levels"):
        Smooth(noise=4.0)(push(), ThreatModel(norm="l2", eps=1.0))
    with pytest.raises(BadInputError):
        Tint(noise=-1.0)


def test_a_fine_warp_moves_alike_and_stays_in_its_bounds() -> None:
    faces = make_faces(2)
    field = torch.rand(2, 2, 8, 8, generator=generator(4)) * 2 - 1
    coarse, fine = (Warp(finely=times).render(faces, field, BUDGET) for times in (1, 3))
    low, high = Warp(finely=3).bounds(faces)
    assert bool(((fine >= low) & (fine <= high)).all())
    assert float((fine - coarse).abs().mean()) < 0.3 * float((coarse - faces).abs().mean())
    still = Warp(finely=3).render(faces, torch.zeros_like(field), BUDGET)
    assert float((still - faces).abs().mean()) < 0.01


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("times", [1, 3])
def test_half_precision_reads_no_place_beyond_the_border(dtype: torch.dtype, times: int) -> None:
    faces = functional.interpolate(make_faces(1), (400, 500) if times == 1 else (112, 112)).to(dtype)
    field = (torch.rand(1, 2, 8, 8, generator=generator(4)) * 2 - 1).to(dtype)
    made = Warp(finely=times).render(faces, field, BUDGET)
    assert made.dtype == dtype
    whole = Warp(finely=times).render(faces.float(), field.float(), BUDGET)
    assert float((made.float() - whole).abs().mean()) < 0.02
