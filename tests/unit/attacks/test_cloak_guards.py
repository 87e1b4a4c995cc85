"""Guards of Fawkes and LowKey: published constants, the balance of goal and penalty, the price that is the default."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from facewarden.attacks.fawkes import Fawkes
from facewarden.attacks.lowkey import LowKey
from facewarden.attacks.parts.dissimilar import DissimilarityWalk
from facewarden.core.embedding_goal import PushAway
from facewarden.core.objective import Images, Objective
from facewarden.core.threat import ThreatModel
from facewarden.nn.ssim import dssim
from facewarden.photos.cloak_attack import choose_method
from stand_ins import TinyRecognizer, make_faces

THREAT = ThreatModel(eps=15 / 255)
# Released version 1.0 of the tool: dissimilarity, steps and rate of every mode.
PUBLISHED = {"low": (0.004, 40, 25.0), "mid": (0.012, 75, 20.0), "high": (0.017, 150, 15.0)}
PENALTY = 1e6  # of its command line


LEAP = 2.0 * ((torch.arange(16)[:, None] + torch.arange(16)) % 2) - 1.0


def faces() -> Tensor:
    return make_faces(2)[..., :16, :16] * 0.6 + 0.2


class Slope(Objective):
    """A loss whose gradient is the same number at every pixel."""

    goal = "slope"

    def __init__(self, slope: float) -> None:
        self.clean, self.keys, self.slope = {"rgb": faces()}, ("a", "b"), slope
        self.asked: list[Tensor] = []

    def loss(self, images: Images) -> Tensor:
        self.asked.append(images["rgb"].detach().clone())
        return self.slope * images["rgb"].sum(dim=(1, 2, 3))

    def success(self, images: Images) -> Tensor:
        return torch.zeros(2, dtype=torch.bool)


def walked(monkeypatch: pytest.MonkeyPatch, slope: float, *, leap: Tensor | float) -> list[tuple[Tensor, Tensor]]:
    """Images and what Fawkes climbs there, on a walk whose second step is a leap and all later ones stand still."""
    climbs: list[Tensor] = []

    def step(self: DissimilarityWalk, climb: Tensor, held: list[Tensor], number: int) -> Tensor:
        climbs.append(climb.clone())
        return torch.zeros_like(climb) + (leap if number == 1 else 0.0)

    monkeypatch.setattr(DissimilarityWalk, "_step", step)
    objective = Slope(slope)
    Fawkes(steps=6)(objective, THREAT)
    return list(zip(objective.asked[2:7], climbs, strict=True))  # asked before: the clean face, and the start


def inner(images: Tensor) -> Tensor:
    """Derivative of a pixel by its code."""
    return (1 - (2 * images - 1).square()) / 2


def excess(images: Tensor) -> Tensor:
    """Dissimilarity to the clean faces beyond the threshold of the mode high."""
    return dssim(images, faces()) - 0.017


@pytest.mark.parametrize("mode", PUBLISHED)
def test_the_modes_of_fawkes_have_the_published_threshold_steps_and_rate(mode: str) -> None:
    attack = Fawkes(mode=mode)
    assert (attack.ascent.threshold, attack.ascent.steps, attack.ascent.rate) == PUBLISHED[mode]
    assert attack.ascent.optimizer == "adadelta"
    assert attack(Slope(1e-3), THREAT).gradient_calls == PUBLISHED[mode][1]
    chosen = choose_method("fawkes", strength=mode, eps=None, thorough=False).attack
    assert isinstance(chosen, Fawkes)
    assert chosen.ascent == attack.ascent


def test_fawkes_is_high_unless_it_is_told_otherwise() -> None:
    assert Fawkes().ascent == Fawkes(mode="high").ascent


def test_the_goal_of_fawkes_counts_twice_as_much_with_every_step_that_leaves_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = walked(monkeypatch, 1e-3, leap=0.0)
    assert float(excess(found[-1][0]).max()) < -0.1 * 0.017
    assert [float((climb / inner(at)).mean() / 1e-3) for at, climb in found] == pytest.approx(
        [2, 4, 8, 16, 32], rel=1e-3
    )


def test_the_goal_of_fawkes_counts_half_as_much_with_every_step_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    found = walked(monkeypatch, 1e3, leap=LEAP)[1:]
    assert float(excess(found[0][0]).min()) > 0.1 * 0.017
    parts = [(climb / inner(at)).mean() / 1e3 for at, climb in found]  # with the same penalty in each
    factors = [float(before - after) for before, after in pairwise(parts)]
    assert factors == pytest.approx([4 - 1, 1 - 0.5, 0.5 - 0.25], rel=1e-2)


def test_fawkes_pays_for_the_square_of_the_excess(monkeypatch: pytest.MonkeyPatch) -> None:
    beyond, climb = walked(monkeypatch, 0.0, leap=LEAP)[1]
    moving = beyond.clone().requires_grad_(True)
    costs = PENALTY * excess(moving).clamp(min=0).square()
    (slope,) = torch.autograd.grad(costs.sum(), moving)
    assert float(costs.detach().min()) > 0
    torch.testing.assert_close(climb, -slope * inner(beyond), rtol=1e-3, atol=1e-3)
    assert float((climb * (faces() - beyond)).sum()) > 0  # back to the clean face


def test_lowkey_has_its_price_unless_it_is_told_otherwise() -> None:
    def cloaked(attack: LowKey) -> Tensor:
        goal = PushAway([TinyRecognizer(1)], make_faces(1) * 0.8 + 0.1, keys=("a",))
        return attack(goal, ThreatModel(eps=8 / 255)).images["rgb"]

    usual = cloaked(LowKey(steps=6))
    assert torch.equal(usual, cloaked(LowKey(steps=6, price=1.0)))
    assert not torch.equal(usual, cloaked(LowKey(steps=6, price=0.0)))
    for thorough in (False, True):
        chosen = choose_method("lowkey", strength="mid", eps=None, thorough=thorough).attack
        assert isinstance(chosen, LowKey)
        assert chosen.price == 1.0
