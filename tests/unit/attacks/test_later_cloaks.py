"""TIP-IM style and Ulixes style cloaks: the discrepancy by hand, and a hinge that stops when it has enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facewarden.attacks.tip_im import TipIm, patch_discrepancy
from facewarden.attacks.ulixes import Ulixes
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.threat import ThreatModel
from stand_ins import TinyRecognizer, make_faces

KEYS = ("a", "b", "c")


def push(threshold: float = 0.7) -> PushAway:
    return PushAway([TinyRecognizer(1), TinyRecognizer(2)], make_faces(3) * 0.8 + 0.1, keys=KEYS, threshold=threshold)


def test_the_discrepancy_is_that_of_the_patches_as_sets() -> None:
    one = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(patch_discrepancy(one, one, patch=4), torch.zeros(2), atol=1e-6)
    turned = torch.cat([one[..., 4:], one[..., :4]], dim=-1)  # the same patches at other places
    assert torch.allclose(patch_discrepancy(one, turned, patch=4), torch.zeros(2), atol=1e-6)
    assert bool((patch_discrepancy(one, one + 0.1, patch=4) > 1e-3).all())


def test_the_discrepancy_by_hand() -> None:
    first, second = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0, 1.0]]]])
    # clean patches 0 and 1: mean squared distance 1/2; masked patches 0 and 0
    kernels = []
    for width in (0.125, 0.5, 2.0):
        within, across = (2 + 2 * np.exp(-1 / width)) / 4, (2 + 2 * np.exp(-1 / width)) / 4
        kernels.append(1 + within - 2 * across)
    found = float(patch_discrepancy(first, second, patch=1))
    assert found == pytest.approx(np.mean(kernels), abs=1e-5)


def test_the_price_keeps_the_look() -> None:
    goal = Impersonate([TinyRecognizer(1)], make_faces(3) * 0.8 + 0.1, targets=make_faces(3, seed=9), keys=KEYS)
    results = {weight: TipIm(naturalness=weight)(goal, ThreatModel(eps=0.05)) for weight in (0.0, 1000.0)}
    assert bool((results[0.0].loss > results[0.0].loss_clean + 0.02).all())
    looks = {
        w: float(patch_discrepancy(found.images["rgb"], goal.clean["rgb"], patch=8).mean())
        for w, found in results.items()
    }
    assert looks[1000.0] < 0.8 * looks[0.0]


def test_ulixes_stops_where_it_has_enough() -> None:
    goal = push()
    strong = ThreatModel(eps=0.2)
    far = Ulixes(margin=10.0)(goal, strong)  # never enough
    near = Ulixes(margin=0.0)(goal, strong)
    assert bool(far.success.all())
    assert bool(near.success.all())
    margin = goal.margin(near.images)
    assert bool((margin >= -1e-6).all())
    assert float(margin.max()) < float(goal.margin(far.images).min())
    change = [float((found.images["rgb"] - goal.clean["rgb"]).abs().mean()) for found in (near, far)]
    assert change[0] < 0.7 * change[1]


def test_ulixes_does_what_it_can_in_a_budget_that_is_too_small() -> None:
    found = Ulixes(margin=0.5)(push(threshold=0.0), ThreatModel(eps=2 / 255))
    assert not bool(found.success.any())
    assert bool((found.loss > found.loss_clean).all())


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"step_size": 0.0}, {"decay": -1.0}, {"naturalness": -1.0}, {"patch": 0}]
)
def test_tip_im_refuses(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        TipIm(**wrong)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"step_size": 0.0}, {"margin": float("inf")}])
def test_ulixes_refuses(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        Ulixes(**wrong)
