"""SFA: the twelve properties that its specification asks for, and the schedules, on toy models."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from facewarden.attacks.apgd import APGD
from facewarden.attacks.auto_binary import AutoBinary
from facewarden.attacks.fab import FAB
from facewarden.attacks.fgsm import FGSM
from facewarden.attacks.mi_fgsm import MIFGSM
from facewarden.attacks.pgd import PGD
from facewarden.attacks.square import Square
from facewarden.attacks.vmi_fgsm import VMIFGSM
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.objective import Images, Objective
from facewarden.core.threat import ThreatModel
from facewarden.nn.gradient_sources.averaged import AveragedReading
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair, offset_sign
from facewarden.nn.gradient_sources.sfa_offset import Schedule, SfaOffset
from many_heads import HEADS, ManyHeads, fit_toy, random_pair, toy_faces, trained
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces

THREAT = ThreatModel(eps=2 / 255)
GRADIENT = {
    "fgsm": FGSM(),
    "pgd": PGD(steps=4),
    "pgd that stops": PGD(steps=4, restarts=2, stop_at_success=True),
    "mi_fgsm": MIFGSM(steps=3),
    "vmi_fgsm": VMIFGSM(steps=3, neighbors=2),
    "apgd": APGD(steps=4),
    "fab": FAB(steps=4),
}


@cache
def model() -> ManyHeads:
    return trained()


def evade(count: int = 8, rows: list[int] | None = None) -> Evade:
    batch = toy_faces(count)
    return Evade(model(), batch if rows is None else batch.select(rows), threshold=0.0, loss="cross_entropy")


def run(attack: Attack, objective: Objective, **options: Any) -> Tensor:
    return attack(objective, THREAT, **options).images["rgb"]


# 1
def test_the_two_maps_are_opposite_and_the_two_images_add_up_to_twice_the_image() -> None:
    images = toy_faces(6).images["rgb"]
    pair = random_pair()
    texture = _texture(images)
    live, spoof = (torch.tanh(part(images) - images) * pair.cap for part in (pair.live, pair.spoof))
    a, b = live * texture, spoof * (1 - texture)
    m_live, m_spoof = a - b, b - a
    assert torch.equal(m_spoof, -m_live)
    torch.testing.assert_close(pair(images), m_live, rtol=0, atol=1e-8)
    sign = offset_sign(torch.tensor([0, 1, 0, 1, 0, 1]))
    inferring, training = images + sign * m_live, images - sign * m_live
    torch.testing.assert_close(inferring + training, 2 * images, rtol=0, atol=1e-6)
    assert sign.flatten().tolist() == [-1, 1, -1, 1, -1, 1]


def _texture(images: Tensor) -> Tensor:
    """Local binary patterns, one pixel at a time."""
    gray = (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1)
    height, width = gray.shape[1:]
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    codes = torch.zeros_like(gray)
    for y in range(height):
        for x in range(width):
            for bit, (dy, dx) in enumerate(around):
                near = gray[:, min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)]
                codes[:, y, x] += (near >= gray[:, y, x]).float() * 2**bit
    return codes[:, None] / 255


# 3
@pytest.mark.parametrize("gate", [True, False])
def test_the_map_keeps_the_cap(gate: bool) -> None:
    pair = random_pair(cap=5 / 255, gate=gate)
    found = pair(toy_faces(6).images["rgb"]).abs()
    assert float(found.max()) <= 5 / 255 + 1e-7
    assert float(found.max()) > 1 / 255, "a map that is nothing"


# 4 and 7
@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("offset", get_args(Schedule))
def test_no_offset_and_generators_that_give_zero_change_no_bit(name: str, offset: Any) -> None:
    plain = run(GRADIENT[name], evade())
    off = SfaOffset(random_pair(), offset="none")
    assert torch.equal(run(GRADIENT[name], evade(), reading=off), plain)
    if offset != "random":
        silent = SfaOffset(GeneratorPair(widths=(8, 8)).requires_grad_(False), offset=offset)
        assert torch.equal(run(GRADIENT[name], evade(), reading=silent), plain)


# 5
@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("offset", get_args(Schedule))
def test_the_perturbation_keeps_its_budget_whatever_the_offset(name: str, offset: Any) -> None:
    objective = evade()
    images = run(GRADIENT[name], objective, reading=SfaOffset(random_pair(cap=20 / 255), offset=offset))
    assert float((images - objective.clean["rgb"]).abs().max()) <= THREAT.eps + 1e-7
    assert float(images.min()) >= 0.0
    assert float(images.max()) <= 1.0


@pytest.mark.parametrize("name", GRADIENT)
def test_every_gradient_attack_reads_elsewhere(name: str) -> None:
    plain = run(GRADIENT[name], evade())
    moved = run(GRADIENT[name], evade(), reading=SfaOffset(random_pair(cap=20 / 255), offset="fixed"))
    assert not torch.equal(plain, moved)


def test_one_step_is_the_formula_of_the_figure() -> None:
    objective, pair = evade(), random_pair(cap=10 / 255)
    clean = objective.clean["rgb"]
    z = (clean + offset_sign(toy_faces(8).label) * pair(clean)).clamp(0, 1).detach().requires_grad_(True)  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(objective.loss({"rgb": z}).sum(), z)
    wanted = (clean + THREAT.eps * gradient.sign()).clamp(0, 1)
    for offset in ("first", "decay", "fixed", "refresh"):
        found = run(FGSM(), objective, reading=SfaOffset(pair, offset=offset))
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-7)
    contrast = run(FGSM(), objective, reading=SfaOffset(pair, route="contrast"))
    assert not torch.equal(contrast, wanted)


class Points(Evade):
    """Remembers where its gradient was read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.seen: list[Tensor] = []

    def loss(self, images: Images) -> Tensor:
        if torch.is_grad_enabled():
            self.seen.append(images["rgb"].detach())
        return super().loss(images)


@pytest.mark.parametrize("offset", ["first", "decay", "fixed"])
def test_the_schedules_shrink_the_offset_as_they_say(offset: Any) -> None:
    pair = random_pair(cap=0.01)
    batch = toy_faces(4)
    objective = Points(model(), batch, threshold=0.0)
    stand = [batch.images["rgb"]]
    PGD(steps=4, random_start=False)(objective, THREAT, reading=SfaOffset(pair, offset=offset))
    for steps in (1, 2, 3):  # where the walk itself stands after so many of its four steps
        wanted = {"first": 1.0 if not steps else 0.0, "decay": 1 - steps / 4, "fixed": 1.0}[offset]
        shift = offset_sign(batch.label) * pair(batch.images["rgb"])  # type: ignore[arg-type]
        walked = objective.seen[steps] - wanted * shift
        stand.append(walked)
        assert float((walked - stand[0]).abs().max()) <= steps * THREAT.eps / 4 + 1e-4
    torch.testing.assert_close(objective.seen[0], (stand[0] + shift).clamp(0, 1), rtol=0, atol=1e-6)


# 6
def test_the_generators_and_the_model_receive_no_gradient_in_the_attack() -> None:
    pair = random_pair().requires_grad_(True)
    PGD(steps=2)(evade(), THREAT, reading=SfaOffset(pair, offset="refresh"))
    assert all(parameter.grad is None for parameter in pair.parameters())
    assert all(parameter.grad is None for parameter in model().parameters())


# 8
@pytest.mark.parametrize("head", HEADS)
def test_every_branch_has_a_gradient_that_is_finite_and_not_zero(head: str) -> None:
    objective = HeadLoss(model(), toy_faces(8), head=head, threshold=0.0)
    gradients, _ = CountedObjective(objective, THREAT, 0, reading=SfaOffset(random_pair())).gradient(objective.clean)
    assert bool(torch.isfinite(gradients["rgb"]).all())
    assert bool((gradients["rgb"].flatten(1).abs().amax(dim=1) > 0).all())


# 10
@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("offset", get_args(Schedule))
def test_a_sample_is_attacked_alike_in_any_company(name: str, offset: Any) -> None:
    reading = SfaOffset(random_pair(cap=10 / 255), offset=offset)
    together = run(GRADIENT[name], evade(4), reading=reading)
    for row in range(4):
        alone = run(GRADIENT[name], evade(4, rows=[row]), reading=reading)
        different = (alone[0] - together[row]).abs() > 1e-5
        # a gradient that is zero up to rounding has no sign that two batch sizes would agree on
        assert float(different.float().mean()) < 0.01


# 12
def test_keeping_the_class_helps_where_auxiliary_branches_are_attacked() -> None:
    # at smaller budgets nothing falls on this toy, whatever the target, and the comparison would say nothing
    batch = toy_faces(160, seed=9)
    reached = {}
    for flip in (False, True):
        reading = SfaOffset(fit_toy(model(), flip=flip, cap=6 / 255), offset="decay")
        objective = HeadLoss(model(), batch, head="attributes", threshold=0.0)
        found = FGSM()(objective, ThreatModel(eps=8 / 255), reading=reading)
        reached[flip] = float((found.success & ~found.success_clean).float().mean())
    assert reached[False] > 0.2
    assert reached[False] > reached[True] + 0.1


def test_attacks_without_gradients_goals_without_labels_and_attacks_beside_rgb_refuse_it() -> None:
    reading = SfaOffset(random_pair())
    with pytest.raises(BadInputError, match="reads no gradients"):
        Square(queries=2)(evade(), THREAT, reading=reading)
    with pytest.raises(BadInputError, match="no labels"):
        FGSM()(PushAway([TinyRecognizer()], make_faces(2), keys=("a", "b")), THREAT, reading=reading)
    beside = Evade(TinyDetector(), make_batch(2), threshold=0.0)
    with pytest.raises(BadInputError, match="does not touch rgb"):
        FGSM()(beside, ThreatModel(modalities=("depth",)), reading=reading)


def test_auto_binary_takes_it_in_its_gradient_parts() -> None:
    attack = AutoBinary(steps=3, queries=4)
    first = attack(evade(), THREAT, reading=SfaOffset(random_pair(cap=10 / 255)))
    assert first.images["rgb"].shape == (8, 3, 16, 16)
    plain = attack(evade(), THREAT)
    off = attack(evade(), THREAT, reading=SfaOffset(random_pair(), offset="none"))
    assert torch.equal(plain.images["rgb"], off.images["rgb"])


def test_averaging_counts_every_gradient_and_averages_them() -> None:
    objective = evade(4)
    found = PGD(steps=3)(objective, THREAT, reading=AveragedReading(points=5))
    assert found.gradient_calls == 15
    both = PGD(steps=3)(objective, THREAT, reading=AveragedReading(SfaOffset(random_pair()), points=5))
    assert both.gradient_calls == 15
    still = CountedObjective(objective, THREAT, 0, reading=AveragedReading(points=1, radius=0.0))
    plain = CountedObjective(objective, THREAT, 0)
    assert torch.equal(still.gradient(objective.clean)[0]["rgb"], plain.gradient(objective.clean)[0]["rgb"])


def test_expectation_over_views_is_the_mean_of_their_gradients() -> None:
    objective = evade(3)
    views = [lambda image: image * 0.9, lambda image: image * 0.5 + 0.2]
    reading = AveragedReading(points=1, radius=0.0, views=views)
    found, _ = CountedObjective(objective, THREAT, 0, reading=reading).gradient(objective.clean)
    wanted = []
    for view in views:
        moving = objective.clean["rgb"].clone().requires_grad_(True)
        wanted.append(torch.autograd.grad(objective.loss({"rgb": view(moving)}).sum(), moving)[0])
    torch.testing.assert_close(found["rgb"], (wanted[0] + wanted[1]) / 2)


@pytest.mark.parametrize("offset", ["decay", "random"])
def test_the_same_seed_gives_the_same_bits_and_stopping_changes_no_walk(offset: Any) -> None:
    reading = AveragedReading(SfaOffset(random_pair(cap=10 / 255), offset=offset), points=2)
    first, again = (run(PGD(steps=3), evade(), reading=reading, seed=4) for _ in range(2))
    assert torch.equal(first, again)
    whole = PGD(steps=3)(evade(), THREAT, reading=reading)
    stopped = PGD(steps=3, stop_at_success=True)(evade(), THREAT, reading=reading)
    never = ~stopped.success
    torch.testing.assert_close(stopped.images["rgb"][never], whole.images["rgb"][never], rtol=0, atol=1e-6)


def test_the_value_that_comes_with_a_gradient_is_that_of_the_image_itself() -> None:
    objective = evade()
    metered = CountedObjective(objective, THREAT, 0, reading=SfaOffset(random_pair(cap=20 / 255)))
    _, value = metered.gradient(objective.clean)
    torch.testing.assert_close(value, objective.loss(objective.clean).detach())
    assert (metered.gradient_calls, metered.queries) == (1, 1)
