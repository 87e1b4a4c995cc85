from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.attacks.fgsm import FGSM
from facewarden.attacks.noise import Noise
from facewarden.attacks.pgd import PGD
from facewarden.attacks.square import Square
from facewarden.core.attack import Attack
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.objective import Images
from facewarden.core.roles import PadOutput
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.self_checks import CheckOutcome, MeasuredRow, Source, look_at, look_at_classes, self_checks
from many_heads import ManyHeads, toy_faces
from two_classes import TwoClasses, make_two_classes

BASE = make_two_classes(16)


def row(attack: str, source: Source, eps: float, wins: int, *, n: int = 40, steps: int | None = None) -> MeasuredRow:
    """A row of n samples of which the first ones are won."""
    return MeasuredRow(attack, source, eps, np.arange(n) < wins, steps)


def failed(outcomes: tuple[CheckOutcome, ...]) -> set[str]:
    return {outcome.check for outcome in outcomes if outcome.holds is False}


def states(outcomes: tuple[CheckOutcome, ...]) -> dict[str, bool | None]:
    return {outcome.check: outcome.holds for outcome in outcomes}


def test_a_sound_evaluation_passes_everything() -> None:
    rows = [row("pgd", "white_box", eps, wins, steps=10) for eps, wins in ((0.0, 0), (0.1, 20), (0.5, 40))]
    rows += [row("pgd", "white_box", 0.1, 15, steps=5), row("fgsm", "white_box", 0.1, 12)]
    rows += [row("pgd", "transfer", 0.1, 9), row("noise", "noise", 0.1, 1), row("square", "score", 0.1, 16)]
    outcomes = self_checks(rows)
    assert not failed(outcomes)
    assert all(outcome.holds for outcome in outcomes)
    assert len(outcomes) == 9


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ([row("pgd", "white_box", 0.0, 1)], "a budget of zero changes nothing"),
        ([row("pgd", "white_box", 0.1, 30), row("pgd", "white_box", 0.2, 20)], "success grows with the budget"),
        (
            [row("pgd", "white_box", 0.1, 30, steps=5), row("pgd", "white_box", 0.1, 20, steps=20)],
            "success grows with the steps",
        ),
        ([row("pgd", "white_box", 0.1, 5), row("noise", "noise", 0.1, 15)], "gradients beat noise"),
        (
            [row("pgd", "white_box", 0.1, 5), row("pgd", "transfer", 0.1, 15)],
            "gradients beat another model's gradients",
        ),
        ([row("pgd", "transfer", 0.1, 5), row("noise", "noise", 0.1, 15)], "another model's gradients beat noise"),
        ([row("pgd", "white_box", 0.1, 5), row("square", "score", 0.1, 15)], "gradients beat scores"),
        ([row("pgd", "white_box", 0.1, 5), row("fgsm", "white_box", 0.1, 15)], "many steps beat one"),
        ([row("pgd", "white_box", 0.5, 36)], "an unlimited budget flips everything"),
    ],
)
def test_each_contradiction_fails_its_own_check(rows: list[MeasuredRow], check: str) -> None:
    outcomes = self_checks(rows)
    assert failed(outcomes) == {check}
    words = next(outcome.words for outcome in outcomes if outcome.check == check)
    assert words.startswith("FAILED: ")
    assert "%" in words


def test_a_drop_that_a_coin_could_give_is_named_but_does_not_fail() -> None:
    outcomes = self_checks([row("pgd", "white_box", 0.1, 21, steps=5), row("pgd", "white_box", 0.1, 20, steps=9)])
    grows = next(outcome for outcome in outcomes if outcome.check == "success grows with the steps")
    assert grows.holds is True
    assert grows.words == "holds (pgd of 9 steps flips 50.0%, pgd of 5 steps 52.5%, within chance)"


def test_success_that_falls_with_the_budget_fails_by_whatever_more_than_rounding() -> None:
    # 18.8, 21.9, 18.8 and 17.2 % of 64 at 1, 2, 4 and 8 gray levels: balls are nested, chance is no excuse
    rows = [row("pgd", "white_box", eps, wins, n=64) for eps, wins in ((1.0, 12), (2.0, 14), (4.0, 12), (8.0, 11))]
    grows = next(outcome for outcome in self_checks(rows) if outcome.check == "success grows with the budget")
    assert grows.holds is False
    assert grows.words == "FAILED: pgd at 4 flips 18.8%, pgd at 2 21.9%; chance could do it"
    rounded = [row("pgd", "white_box", 1.0, 1500, n=4000), row("pgd", "white_box", 2.0, 1499, n=4000)]
    grows = next(outcome for outcome in self_checks(rounded) if outcome.check == "success grows with the budget")
    assert grows.words == "holds (pgd at 2 flips 37.5%, pgd at 1 37.5%, within rounding)"


def test_only_rows_of_one_place_are_compared_and_what_was_not_measured_says_so() -> None:
    rows = [
        MeasuredRow("pgd", "white_box", 0.1, np.zeros(20, bool), where="depth"),
        MeasuredRow("noise", "noise", 0.1, np.ones(20, bool), where="rgb"),
    ]
    assert not failed(self_checks(rows))
    assert states(self_checks(rows))["gradients beat noise"] is None
    assert next(o for o in self_checks(rows) if o.holds is None).words == "not measured"
    assert self_checks([]) == ()


class Masked(TwoClasses):
    """Its gradient is cut off: scores are rounded, and what is left points nowhere."""

    def loss(self, images: Images) -> Tensor:
        return super().margin(images).detach() + 0.0 * images["rgb"].flatten(1).sum(dim=1)

    def margin(self, images: Images) -> Tensor:
        return self.loss(images)


class Randomized(TwoClasses):
    """It adds noise to every image it sees."""

    def __init__(self, base: TwoClasses) -> None:
        super().__init__(base.network, base.clean["rgb"], base.labels)
        self._draws = torch.Generator().manual_seed(3)

    def loss(self, images: Images) -> Tensor:
        noisy = images["rgb"] + 0.1 * torch.randn(images["rgb"].shape, generator=self._draws)
        return super().loss({"rgb": noisy})


def measure(objective: TwoClasses) -> list[MeasuredRow]:
    """A small evaluation of a model, as it comes out."""

    def one(name: str, source: Source, attack: Attack, eps: float, steps: int | None = None) -> MeasuredRow:
        result = attack(objective, ThreatModel(eps=eps))
        return MeasuredRow(name, source, eps, result.success.numpy(), steps)

    rows = [one("pgd", "white_box", PGD(), eps, 10) for eps in (0.0, 0.004, 0.5)]
    rows += [one("fgsm", "white_box", FGSM(), 0.05), one("pgd", "white_box", PGD(), 0.05, 10)]
    return [*rows, one("noise", "noise", Noise(), 0.05), one("square", "score", Square(queries=60), 0.05)]


def test_an_honest_model_passes() -> None:
    outcomes = self_checks(measure(BASE), look_at(BASE, ThreatModel()))
    assert not failed(outcomes), [outcome for outcome in outcomes if outcome.holds is False]


def test_a_model_that_masks_its_gradients_is_flagged() -> None:
    masked = Masked(BASE.network, BASE.clean["rgb"], BASE.labels)
    signs = look_at(masked, ThreatModel())
    assert signs.flat == 1.0
    found = failed(self_checks(measure(masked), signs))
    assert {"the model has gradients", "gradients beat scores", "an unlimited budget flips everything"} <= found
    # the rows alone give it away as well
    assert "gradients beat scores" in failed(self_checks(measure(masked)))


def test_a_randomized_model_is_flagged() -> None:
    signs = look_at(Randomized(BASE), ThreatModel())
    assert (signs.flat, signs.unsteady, signs.n) == (0.0, 1.0, 16)
    assert failed(self_checks([], signs)) == {"the model repeats itself"}
    assert look_at(BASE, ThreatModel()).unsteady == 0.0


class HalfMasked(ManyHeads):
    """Images that are brighter than the others have no gradient: here those of bona fide presentations."""

    def predict(self, batch: FaceBatch) -> PadOutput:
        found = super().predict(batch)
        bright = batch.images["rgb"].amax(dim=(1, 2, 3)) > 0.9
        return PadOutput(score=torch.where(bright, found.score.detach(), found.score), tasks=found.tasks)


def test_gradients_that_only_one_class_lacks_are_found_whatever_the_order() -> None:
    faces = toy_faces(40)
    assert faces.label is not None
    dark = faces.images["rgb"] * 0.8
    dark[faces.label == 1, :, 0, 0] = 1.0
    faces = faces.with_images({"rgb": dark})
    ones = [faces.select(torch.nonzero(faces.label == label).flatten()) for label in (0, 1)]
    model = HalfMasked()

    def goal(batch: FaceBatch) -> Evade:
        return Evade(model, batch, threshold=0.0)

    assert look_at(goal(ones[0]), ThreatModel()).flat == 0.0
    for batches in (ones, ones[::-1], [faces]):
        signs = look_at_classes(batches, goal, ThreatModel(), each=8)
        assert (signs.flat, signs.n) == (0.5, 16)
    assert look_at_classes(ones[:1], goal, ThreatModel()).n == 16
    assert look_at_classes([], goal, ThreatModel()).n == 0


def test_a_model_without_gradients_counts_as_flat() -> None:
    objective = make_two_classes(4)
    objective.differentiable = False
    assert look_at(objective, ThreatModel()).flat == 1.0


class Bent(TwoClasses):
    """A finite loss whose derivative is none, for the first sample: the root of zero."""

    def loss(self, images: Images) -> Tensor:
        value = super().loss(images)
        first = (images["rgb"] - BASE.clean["rgb"][0]).flatten(1).abs().amax(dim=1) == 0
        rows = torch.nonzero(first).flatten()
        return value.index_add(0, rows, torch.sqrt((value - value.detach())[rows]))


def test_a_gradient_that_is_not_finite_counts_as_flat_and_costs_no_other_sample() -> None:
    bent = Bent(BASE.network, BASE.clean["rgb"], BASE.labels)
    assert look_at(bent, ThreatModel()).flat == pytest.approx(1 / len(BASE.keys))
