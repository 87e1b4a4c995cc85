"""Cloaks with one mask a person: hulls against solvers, the step by hand, who shares a mask, texture and controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from facewarden.attacks.facecloak import FaceCloak, local_contrast, standardized, variant
from facewarden.attacks.opom import Opom
from facewarden.attacks.parts.person_mask import PersonMask, person_noise
from facewarden.attacks.protego import Protego, controlled
from facewarden.core.counted_objective import CountedObjective
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.objective import Objective
from facewarden.core.people.goals import LeaveHull, RepelEachOther, TowardsAnchor, log_volume
from facewarden.core.people.hulls import nearest_in_affine_hull, nearest_in_convex_hull, onto_simplex
from facewarden.core.threat import ThreatModel
from facewarden.data.simulate.person.mesh import cached_mesh
from facewarden.data.simulate.person.texture import texture_map
from facewarden.nn.ssim import dssim
from facewarden.photos.cloak_attack import choose_method
from stand_ins import TinyRecognizer, make_faces

KEYS, PEOPLE = ("a", "b", "c", "d"), ("x", "y", "x", "x")
BUDGET = ThreatModel(eps=8 / 255)


def faces() -> Tensor:
    return make_faces(4) * 0.8 + 0.1


def models() -> list[TinyRecognizer]:
    return [TinyRecognizer(1), TinyRecognizer(2)]


def hull(which: Any = "convex", people: tuple[str, ...] = PEOPLE) -> LeaveHull:
    return LeaveHull(models(), faces(), hull=which, keys=KEYS, people=people)


def unit(rows: int, values: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(
        torch.randn(rows, values, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )


def test_the_nearest_mixture_is_that_of_a_solver() -> None:
    known, points = unit(5, 7), unit(6, 7, seed=1) * 1.5
    found = nearest_in_convex_hull(points, known)
    for point, mine in zip(points.numpy(), found.numpy(), strict=True):
        best = minimize(
            lambda share, at=point: ((share @ known.numpy() - at) ** 2).sum(),
            np.full(5, 0.2),
            bounds=[(0, 1)] * 5,
            constraints={"type": "eq", "fun": lambda share: share.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert ((mine - point) ** 2).sum() <= best.fun + 1e-6


def test_the_nearest_point_of_the_plane_is_that_of_least_squares() -> None:
    known, points = unit(4, 9), unit(3, 9, seed=1)
    edges = (known[1:] - known[0]).T
    shares = torch.linalg.lstsq(edges, (points - known[0]).T).solution
    torch.testing.assert_close(nearest_in_affine_hull(points, known), known[0] + (edges @ shares).T)
    twice = torch.cat([known, known[:2]])  # photos that repeat span nothing more
    torch.testing.assert_close(nearest_in_affine_hull(points, twice), known[0] + (edges @ shares).T)
    torch.testing.assert_close(nearest_in_affine_hull(points, known[:1]), known[:1].expand(3, 9))


def test_shares_are_not_negative_and_sum_to_one() -> None:
    shares = onto_simplex(torch.randn(20, 6, generator=torch.Generator().manual_seed(2)) * 3)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(20))
    assert float(shares.min()) == 0.0
    torch.testing.assert_close(onto_simplex(shares), shares)


def test_a_clean_photo_lies_in_its_hulls_and_away_from_the_center() -> None:
    for which in ("affine", "convex"):
        inside = hull(which).loss({"rgb": faces()})
        assert float(inside.abs().max()) < 1e-4
    goal = hull("center")
    by_hand = torch.stack([
        (e - e[[0, 2, 3]].mean(dim=0)).square().sum(dim=1) for e in (model.embed(faces()) for model in models())
    ]).mean(dim=0)  # fmt: skip
    torch.testing.assert_close(goal.loss({"rgb": faces()})[[0, 2, 3]], by_hand[[0, 2, 3]])
    assert float(goal.loss({"rgb": faces()})[1]) < 1e-9  # alone, it is its own center
    torch.testing.assert_close(hull("convex").first_loss({"rgb": faces()}), goal.loss({"rgb": faces()}))


@pytest.mark.parametrize("which", ["center", "affine", "convex"])
def test_the_slope_of_the_distance_is_that_of_finite_differences(which: str) -> None:
    torch.manual_seed(0)
    goal, moved = hull(which), (faces() + 0.05 * torch.randn(4, 3, 112, 112)).clamp(0, 1)
    moving = moved.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(goal.loss({"rgb": moving}).sum(), moving)
    way = torch.randn(4, 3, 112, 112)
    ends = [float(goal.loss({"rgb": (moved + side * 1e-3 * way).clamp(0, 1)}).sum()) for side in (1, -1)]
    inside = ((moved + 1e-3 * way).clamp(0, 1) - (moved - 1e-3 * way).clamp(0, 1)) / 2e-3
    assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(float((slope * inside).sum()), rel=0.05)


def test_two_masked_photos_of_a_person_span_the_volume_of_a_determinant() -> None:
    vectors = unit(3, 5).float()
    gram = (vectors @ vectors.T).double().numpy() + 1e-4 * np.eye(3)
    assert float(log_volume(vectors)) == pytest.approx(np.log(np.linalg.det(gram) + 1e-4), rel=1e-4)
    goal = RepelEachOther(models(), faces(), keys=KEYS, people=PEOPLE)
    found = goal.loss({"rgb": faces()})
    alone = RepelEachOther(models(), faces(), keys=KEYS, people=KEYS).loss({"rgb": faces()})
    assert float(alone.abs().max()) < 1e-3  # one photo repels nobody, and is where it was
    wanted = torch.stack([log_volume(model.embed(faces()[[0, 2, 3]])) for model in models()]).mean()
    torch.testing.assert_close(found[[0, 2, 3]], wanted.expand(3), atol=1e-4, rtol=0)
    assert float(found[1].abs()) < 1e-3


def test_an_anchor_draws_and_the_nearest_own_face_pushes() -> None:
    anchor = make_faces(1, seed=9).expand(4, -1, -1, -1)
    goal = TowardsAnchor(models(), faces(), anchors=anchor, keys=KEYS, people=PEOPLE)
    moved = make_faces(4, seed=5)
    by_hand = []
    for model in models():
        seen, own, far = (model.embed(images) for images in (moved, faces(), anchor))
        nearest = torch.stack([(seen[row] @ own[[0, 2, 3]].T).max() for row in (0, 2, 3)])
        by_hand.append((seen * far).sum(dim=1)[[0, 2, 3]] - nearest)
    torch.testing.assert_close(goal.loss({"rgb": moved})[[0, 2, 3]], torch.stack(by_hand).mean(dim=0))
    torch.testing.assert_close(
        goal.select([0, 2, 3]).loss({"rgb": moved[[0, 2, 3]]}), goal.loss({"rgb": moved})[[0, 2, 3]]
    )
    with pytest.raises(BadInputError, match="anchors"):
        TowardsAnchor(models(), faces(), anchors=anchor[:2], keys=KEYS, people=PEOPLE)


def attacks(folder: Path) -> list[tuple[PersonMask, Objective]]:
    anchor = make_faces(1, seed=9).expand(4, -1, -1, -1)
    return [
        (Opom(steps=6), hull()),
        (Opom(steps=6, hull="affine"), hull("affine")),
        (Protego.example(folder), RepelEachOther(models(), faces(), keys=KEYS, people=PEOPLE)),
        (
            FaceCloak(steps=4, variants=2),
            TowardsAnchor(models(), faces(), anchors=anchor, keys=KEYS, people=PEOPLE),
        ),
    ]


def test_photos_of_a_person_get_one_mask_and_people_do_not_influence_each_other(tmp_path: Path) -> None:
    for attack, goal in attacks(tmp_path):
        found = attack(goal, BUDGET, seed=3)
        change = found.images["rgb"] - faces()
        assert 0 < float(change.abs().max()) <= 8 / 255 + 1e-6
        torch.testing.assert_close(change[0], change[2], atol=1e-6, rtol=0)
        torch.testing.assert_close(change[0], change[3], atol=1e-6, rtol=0)
        gain = (found.loss - found.loss_clean)[[0, 2, 3]].mean()
        assert float(gain) > 0, type(attack).__name__
        alone = attack(goal.select([0, 2, 3]), BUDGET, seed=3).images["rgb"]
        torch.testing.assert_close(alone, found.images["rgb"][[0, 2, 3]], atol=1e-5, rtol=0)


def test_a_mask_of_one_photo_is_put_on_the_others_and_costs_one_gradient_a_step() -> None:
    found = Opom(hull="center", photos=1, steps=3)(hull("center", people=("x",) * 4), BUDGET)
    assert found.sample_gradients.tolist() == [3, 0, 0, 0]
    change = found.images["rgb"] - faces()
    torch.testing.assert_close(change[0], change[3], atol=1e-6, rtol=0)


@pytest.mark.parametrize("number", range(4))
def test_a_mask_knows_nothing_of_photos_that_do_not_make_it(tmp_path: Path, number: int) -> None:
    def mask(others: int) -> Tensor:
        own = faces()
        own[2:] = make_faces(4, seed=others)[2:] * 0.8 + 0.1
        more: dict[str, Any] = {"keys": KEYS, "people": ("x",) * 4}
        goals = (
            LeaveHull(models(), own, hull="center", **more),
            LeaveHull(models(), own, hull="convex", **more),
            RepelEachOther(models(), own, **more),
            TowardsAnchor(models(), own, anchors=make_faces(1, seed=9).expand(4, -1, -1, -1), **more),
        )
        mesh = Protego.example(tmp_path).mesh
        attack = (
            Opom(steps=3, hull="center", photos=2),
            Opom(steps=8, photos=2),
            Protego(steps=2, step_size=0.5, side=16, mesh=mesh, photos=2),
            FaceCloak(steps=3, variants=2, photos=2),
        )[number]
        return (attack(goals[number], BUDGET, seed=3).images["rgb"] - own)[:2]

    assert float(mask(20).abs().max()) > 0
    torch.testing.assert_close(mask(20), mask(21), atol=1e-6, rtol=0)


def test_the_step_of_opom_is_the_sign_of_the_mean_gradient() -> None:
    goal = hull("center", people=("x",) * 4)
    one = Opom(steps=1, step_size=2 / 255, hull="center")(goal, BUDGET, seed=1).images["rgb"] - faces()
    start = 0.005 * person_noise(CountedObjective(goal, BUDGET, 1), "rgb", (3, 112, 112))
    moving = (faces() + start).requires_grad_(True)
    (slope,) = torch.autograd.grad(goal.loss({"rgb": moving}).sum(), moving)
    wanted = start + 2 / 255 * slope.mean(dim=0, keepdim=True).sign()
    close = ((one - wanted).abs() < 1e-5).float().mean()
    assert float(close) > 0.999


def test_the_price_of_what_is_visible_doubles_and_halves_within_bounds() -> None:
    price = torch.tensor([1.0, 1.0, 4.0, 1 / 129, 129.0])
    share = torch.tensor([0.98, 1.02, 1.0, 1.05, 0.5])
    assert controlled(price, share).tolist() == pytest.approx([2.0, 0.5, 1.0, 1 / 129, 129.0])


def test_a_price_keeps_the_look_of_protego(tmp_path: Path) -> None:
    goal = RepelEachOther(models(), faces(), keys=KEYS, people=("x",) * 4)
    mesh = Protego.example(tmp_path).mesh
    looks = []
    for similarity in (0.0, 0.999):
        attack = Protego(steps=12, step_size=0.2, side=64, similarity=similarity, mesh=mesh)
        looks.append(float(dssim(attack(goal, ThreatModel(eps=0.1)).images["rgb"], faces()).mean()))
    assert looks[1] < 0.9 * looks[0]


def test_a_pixel_shows_the_texture_where_the_mesh_has_it() -> None:
    try:
        mesh = cached_mesh()
    except MissingAssetError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    assert mesh.texture is not None
    points = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], dtype=np.float32)
    places, inside = texture_map(points, size=112, mesh=mesh)
    assert 0.2 < inside.mean() < 1
    assert places[inside].min() >= -1e-5
    assert places[inside].max() <= 1 + 1e-5
    rows, columns = np.nonzero(inside)
    middle = np.median(rows).astype(int)
    across = places[middle, columns[rows == middle], 0]
    assert (np.diff(across) > -1e-3).all()  # of a face seen from the front, left is left
    down = places[np.sort(rows[columns == 56]), 56, 1]
    assert (np.diff(down) > -1e-3).all()
    assert not places[~inside].any()


def test_variants_are_drawn_by_photo_and_keep_their_range() -> None:
    def draws() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(number) for number in (1, 2, 1, 3)]

    same = {"rgb": faces()[[0, 0, 0, 0]]}
    first, again = variant(draws())(same)["rgb"], variant(draws())(same)["rgb"]
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[2])
    assert not torch.allclose(first[0], first[1])
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_contrast_is_where_an_edge_is_and_weights_have_no_mean() -> None:
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 1.0
    contrast = local_contrast(edge)[0, 0]
    assert float(contrast[:, 8].min()) > 0.9
    assert float(contrast[:, :3].max()) < 1e-6
    values = standardized(torch.rand(2, 3, 8, 8))
    torch.testing.assert_close(values.mean(dim=(1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(dim=(1, 2, 3), correction=0), torch.ones(2))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"step_size": 0.0}, {"photos": 0}, {"photos": 17}, {"first": -1}])
def test_opom_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        Opom(**wrong)


def test_goals_refuse_what_does_not_fit() -> None:
    with pytest.raises(BadInputError, match="center, affine or convex"):
        choose_method('opom{"hull": "cube"}', strength="mid", eps=None, thorough=False)
    with pytest.raises(BadInputError, match="people"):
        PushAway(models(), faces(), keys=KEYS, people=("x",))
    with pytest.raises(BadInputError):
        FaceCloak(variants=0)
    with pytest.raises(BadInputError):
        Protego(similarity=2.0)
