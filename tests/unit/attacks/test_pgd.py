from __future__ import annotations

from typing import Any

import pytest
import torch

from facewarden.attacks.pgd import PGD
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.labels import MODALITIES
from facewarden.core.objective import Objective
from facewarden.core.threat import ThreatModel
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces, with_depth


def evade(count: int = 4) -> Evade:
    return Evade(TinyDetector(), make_batch(count), threshold=0.0)


def test_the_first_step_is_worked_by_hand() -> None:
    objective = evade()
    pixels = objective.clean["rgb"].clone().requires_grad_(True)
    objective.loss({**objective.clean, "rgb": pixels}).sum().backward()
    assert pixels.grad is not None
    linf = PGD(steps=1, step_size=0.01, random_start=False)(objective, ThreatModel(eps=0.05)).images["rgb"]
    torch.testing.assert_close(linf, (pixels + 0.01 * pixels.grad.sign()).clamp(0, 1).detach())
    l2 = PGD(steps=1, step_size=0.5, random_start=False)(objective, ThreatModel(norm="l2", eps=1.0)).images["rgb"]
    direction = pixels.grad / pixels.grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(l2, (pixels + 0.5 * direction).clamp(0, 1).detach())


@pytest.mark.parametrize(("norm", "eps", "step"), [("linf", 8 / 255, 2 / 255), ("l2", 1.0, 0.2)])
def test_the_default_step_follows_the_budget(norm: Any, eps: float, step: float) -> None:
    threat = ThreatModel(norm=norm, eps=eps)
    by_default = PGD(random_start=False)(evade(), threat)
    by_number = PGD(random_start=False, step_size=step)(evade(), threat)
    assert torch.equal(by_default.images["rgb"], by_number.images["rgb"])
    assert by_default.gradient_calls == 10


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_sensors_in_reach_mean_more_loss(norm: Any) -> None:
    eps = 0.05 if norm == "linf" else 0.5
    one = PGD()(evade(), ThreatModel(norm=norm, eps=eps))
    all_three = PGD()(evade(), ThreatModel(norm=norm, eps=eps, modalities=MODALITIES))
    assert bool((all_three.loss > one.loss).all())
    assert bool((one.loss > one.loss_clean).all())
    # each sensor has a budget of its own and spends it
    assert all(float(all_three.distance[name].min()) > 0.5 * eps for name in MODALITIES)


def test_restarts_keep_the_best_of_each_sample() -> None:
    threat = ThreatModel(eps=0.3, modalities=MODALITIES)
    losses = []
    for restarts in (1, 2, 4):
        result = PGD(steps=1, step_size=0.01, restarts=restarts)(evade(8), threat)
        losses.append(result.loss)
        assert result.gradient_calls == restarts
        assert result.queries == (restarts if restarts > 1 else 0)
    # the first restart draws the same start whatever their number, so more can only help
    assert bool((losses[1] >= losses[0]).all())
    assert bool((losses[2] >= losses[1]).all())
    improved = losses[2] > losses[0]
    assert bool(improved.any())


def test_a_random_start_leaves_the_point_where_push_away_has_no_gradient() -> None:
    objective = PushAway([TinyRecognizer()], make_faces(3), keys=("a", "b", "c"))
    result = PGD()(objective, ThreatModel(eps=16 / 255))
    assert bool((result.loss > 0.01).all())


def test_impersonation_comes_closer_to_its_target() -> None:
    objective = Impersonate([TinyRecognizer()], make_faces(2), targets=make_faces(2, seed=9), keys=("a", "b"))
    result = PGD()(objective, ThreatModel(eps=16 / 255))
    assert bool((result.loss > result.loss_clean + 0.01).all())


def test_the_gradient_of_another_head_moves_that_head() -> None:
    objective = HeadLoss(TinyDetector(), with_depth(make_batch()), head="depth", threshold=0.0)
    result = PGD()(objective, ThreatModel(eps=8 / 255))
    assert bool((result.loss > result.loss_clean).all())


def test_a_sample_without_gradient_stays_finite() -> None:
    class Flat(Evade):
        def loss(self, images: Any) -> torch.Tensor:
            return super().loss(images) * 0.0

    objective: Objective = Flat(TinyDetector(), make_batch(), threshold=0.0)
    for norm in ("linf", "l2"):
        result = PGD(random_start=False)(objective, ThreatModel(norm=norm, eps=0.5))
        assert torch.equal(result.images["rgb"], objective.clean["rgb"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0; allowed: a whole number from 1"),
        ({"restarts": 0}, "restarts is 0; allowed: a whole number from 1"),
        ({"step_size": 0.0}, "step_size is 0.0; allowed: a number above 0"),
        ({"step_size": -1.0}, "step_size is -1.0; allowed: a number above 0"),
        ({"step_size": float("nan")}, "step_size is nan; allowed: finite"),
        ({"step_size": float("inf")}, "step_size is inf; allowed: finite"),
        ({"restarts": 2, "random_start": False}, "are equal"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        PGD(**options)
