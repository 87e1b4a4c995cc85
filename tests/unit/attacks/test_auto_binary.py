from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from facewarden.attacks.apgd import APGD
from facewarden.attacks.auto_binary import AutoBinary
from facewarden.attacks.fab import FAB
from facewarden.attacks.pgd import PGD
from facewarden.attacks.square import Square
from facewarden.core.attack import Attack
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.core.objective import Images
from facewarden.core.threat import ThreatModel
from stand_ins import TinyDetector, make_batch
from two_classes import TwoClasses, make_two_classes

THREAT = ThreatModel(eps=0.03, modalities=MODALITIES)


def evade(count: int = 8) -> Evade:
    return Evade(TinyDetector(), make_batch(count), threshold=0.05)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_succeeds_wherever_one_of_its_parts_does(norm: Any) -> None:
    objective = make_two_classes()
    threat = ThreatModel(norm=norm, eps=0.004 if norm == "linf" else 0.12)
    whole = AutoBinary(steps=10, queries=50)(objective, threat)
    parts = [PGD()(objective, threat), APGD()(objective, threat), FAB()(objective, threat)]
    assert not bool(whole.success.all())
    assert bool(whole.success.any())
    for part in parts:
        assert bool((whole.success | ~part.success).all())


def test_a_sample_is_left_alone_after_its_first_success() -> None:
    result = AutoBinary(steps=8, queries=40)(evade(), THREAT)
    won = result.success & ~result.success_clean
    assert bool(won.any())
    assert bool((~result.success).any())
    assert bool((result.sample_gradients[result.success_clean] == 0).all())
    assert int(result.sample_gradients[won].max()) <= 9
    # two APGD with a gradient at the start each, and FAB
    assert bool((result.sample_gradients[~result.success] == 9 + 9 + 8).all())


def test_the_others_are_where_they_were_without_the_early_stop() -> None:
    """Stopping changes no result: attacking what is left alone gives the same images."""
    whole = AutoBinary(steps=8, queries=40)(evade(), THREAT)
    left = (~whole.success).nonzero().flatten().tolist()
    alone = AutoBinary(steps=8, queries=40)(evade().select(left), THREAT)
    for name in MODALITIES:
        torch.testing.assert_close(alone.images[name], whole.images[name][left], rtol=0, atol=1e-6)


class Saturated(TwoClasses):
    """A model whose gradient is zero everywhere, though its scores tell what to do."""

    def margin(self, images: Images) -> Tensor:
        rounded = (super().margin(images) * 100).round() / 100
        zero = 0.0 * images["rgb"].flatten(1).sum(dim=1)
        return rounded.detach() + zero

    def loss(self, images: Images) -> Tensor:
        return self.margin(images)


def test_square_breaks_what_masks_its_gradients() -> None:
    base = make_two_classes()
    masked = Saturated(base.network, base.clean["rgb"], base.labels)
    threat = ThreatModel(eps=0.2)
    assert not bool(PGD(random_start=False)(masked, threat).success.any())
    result = AutoBinary(steps=3, queries=200)(masked, threat)
    assert bool(result.success.all())


def test_square_stops_asking_once_it_has_won() -> None:
    few, many = (Square(queries=count)(evade(), THREAT) for count in (20, 80))
    assert few.gradient_calls == 0
    assert bool((few.sample_queries[few.success_clean] == 1).all())
    assert int(few.queries) == 22
    assert bool((many.loss >= many.loss_clean).all())
    assert bool((many.success | ~few.success).all())


def test_square_and_fab_say_what_they_need() -> None:
    class NoMargin(TwoClasses):
        def margin(self, images: Images) -> Tensor:
            return super(TwoClasses, self).margin(images)

    base = make_two_classes()
    for attack in (Square(queries=2), FAB(), AutoBinary(steps=1, queries=1), APGD(loss="margin")):
        with pytest.raises(BadInputError, match="has no margin"):
            attack(NoMargin(base.network, base.clean["rgb"], base.labels), ThreatModel())


def test_square_needs_no_gradient_of_the_model() -> None:
    detector = TinyDetector()
    detector.differentiable = False
    objective = Evade(detector, make_batch(), threshold=0.0)
    assert Square(queries=3)(objective, ThreatModel()).images["rgb"].shape == (4, 3, 12, 12)
    with pytest.raises(BadInputError, match="AutoBinary needs gradients"):
        AutoBinary(steps=1, queries=1)(objective, ThreatModel())


def test_fab_finds_the_nearest_image_across_and_says_so_by_its_distance() -> None:
    objective, wide = make_two_classes(), ThreatModel(norm="l2", eps=5.0)
    found = FAB(steps=30)(objective, wide)
    assert bool(found.success.all())
    strongest = PGD(steps=30)(objective, wide)
    assert bool((found.distance["rgb"] < 0.5 * strongest.distance["rgb"]).all())
    # a little less than what it found is not enough, for an attack that is given the budget
    close = ThreatModel(norm="l2", eps=0.9 * float(found.distance["rgb"].min()))
    assert not bool(APGD(steps=30)(objective, close).success.any())


def test_more_steps_and_more_restarts_of_apgd_climb_higher() -> None:
    objective, threat = make_two_classes(), ThreatModel(eps=0.02)
    heights = [APGD(steps=steps, loss="margin")(objective, threat).loss for steps in (1, 5, 20, 60)]
    assert all(bool((longer > heights[0]).all()) for longer in heights[1:])
    assert bool((APGD(restarts=3)(objective, threat).loss >= APGD()(objective, threat).loss).all())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: AutoBinary(steps=0),
        lambda: AutoBinary(queries=0),
        lambda: AutoBinary(restarts=0),
        lambda: Square(first_share=0.0),
        lambda: FAB(eta=0.9),
        lambda: FAB(beta=0.0),
        lambda: APGD(rho=1.5),
    ],
)
def test_values_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(BadInputError):
        wrong()


def test_its_parts_are_the_four_and_no_ratio_of_logit_differences() -> None:
    parts = AutoBinary().parts
    assert list(parts) == ["apgd_cross_entropy", "apgd_margin", "fab", "square"]
    assert all(isinstance(part, Attack) for part in parts.values())
