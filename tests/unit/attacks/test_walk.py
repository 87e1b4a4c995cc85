from __future__ import annotations

from typing import Any

import pytest
import torch

from facewarden.attacks.apgd import APGD
from facewarden.attacks.bim import BIM
from facewarden.attacks.di_fgsm import DIFGSM
from facewarden.attacks.mi_fgsm import MIFGSM
from facewarden.attacks.ni_fgsm import NIFGSM
from facewarden.attacks.parts.diversity import Diversity
from facewarden.attacks.parts.smoothing import make_kernel, smooth
from facewarden.attacks.pgd import PGD
from facewarden.attacks.si_fgsm import SIFGSM
from facewarden.attacks.ti_fgsm import TIFGSM
from facewarden.attacks.vmi_fgsm import VMIFGSM
from facewarden.core.attack import Attack
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.labels import MODALITIES
from facewarden.core.objective import Images
from facewarden.core.threat import ThreatModel
from facewarden.nn.gradient_sources.averaged import AveragedReading
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces, with_depth
from two_classes import make_two_classes

THREAT = ThreatModel(eps=0.03, modalities=MODALITIES)


def evade(count: int = 8) -> Evade:
    return Evade(TinyDetector(), make_batch(count), threshold=0.05)


def first_success(objective: Evade, threat: ThreatModel, steps: int) -> dict[str, torch.Tensor]:
    """What stopping must give, by hand: walks of 1, 2, 3 … steps, each sample with the first that succeeds."""
    kept = {name: image.clone() for name, image in objective.clean.items()}
    done = objective.success(objective.clean)
    for count in range(1, steps + 1):
        result = PGD(steps=count, step_size=0.004)(objective, threat)
        now = ~done & result.success if count < steps else ~done
        for name in kept:
            kept[name][now] = result.images[name][now]
        done = done | result.success
    return kept


def test_stopping_early_gives_the_first_success_of_the_same_walk() -> None:
    objective, steps = evade(), 6
    wanted = first_success(objective, THREAT, steps)
    result = PGD(steps=steps, step_size=0.004, stop_at_success=True)(objective, THREAT)
    whole = PGD(steps=steps, step_size=0.004)(objective, THREAT)
    for name in MODALITIES:
        torch.testing.assert_close(result.images[name], wanted[name], rtol=0, atol=1e-6)
    assert torch.equal(result.success, whole.success)
    spent = result.sample_gradients
    assert int(spent.max()) == result.gradient_calls == steps
    assert torch.equal(spent == 0, result.success_clean)
    early = result.success & ~result.success_clean
    assert bool((spent[early] < steps).any()), "nothing was saved"
    assert int(spent.sum()) < int(whole.sample_gradients.sum())


@pytest.mark.parametrize(
    "attack",
    [
        (lambda stop: MIFGSM(steps=5, stop_at_success=stop)),
        (lambda stop: DIFGSM(steps=10, stop_at_success=stop)),
        (lambda stop: VMIFGSM(steps=4, neighbors=2, stop_at_success=stop)),
        (lambda stop: APGD(steps=5, restarts=2, stop_at_success=stop)),
    ],
)
def test_stopping_early_changes_nothing_for_samples_that_never_succeed(attack: Any) -> None:
    objective, threat = evade(), THREAT
    whole, stopped = attack(False)(objective, threat), attack(True)(objective, threat)
    assert bool((stopped.success | ~whole.success).all())
    never = ~stopped.success
    assert bool(never.any())
    assert bool((stopped.success & ~stopped.success_clean).any())
    for name in MODALITIES:
        torch.testing.assert_close(stopped.images[name][never], whole.images[name][never], rtol=0, atol=1e-6)


def test_restarts_go_on_with_what_is_left_only() -> None:
    objective, threat = evade(), THREAT
    one = PGD(steps=3, stop_at_success=True)(objective, threat)
    three = PGD(steps=3, restarts=3, stop_at_success=True)(objective, threat)
    assert bool((three.success | ~one.success).all())
    assert torch.equal(three.sample_gradients[one.success], one.sample_gradients[one.success])
    assert bool((three.sample_gradients[~three.success] == 9).all())
    assert bool((three.loss[~three.success] >= one.loss[~three.success]).all())


def test_every_objective_can_be_narrowed_and_says_the_same_of_what_is_left() -> None:
    faces, batch = make_faces(4), make_batch(4)
    for objective in (
        Evade(TinyDetector(), batch, threshold=0.1),
        HeadLoss(TinyDetector(), with_depth(batch), head="depth", threshold=0.1),
        PushAway([TinyRecognizer()], faces, keys=tuple("abcd")),
        make_two_classes(4),
    ):
        part, rows = objective.select([3, 1]), [3, 1]
        moved = {name: (image * 0.7 + 0.1) for name, image in objective.clean.items()}
        inner = {name: image[rows] for name, image in moved.items()}
        assert part.keys == (objective.keys[3], objective.keys[1])
        torch.testing.assert_close(part.loss(inner), objective.loss(moved)[rows])
        torch.testing.assert_close(part.margin(inner), objective.margin(moved)[rows])
        assert torch.equal(part.success(inner), objective.success(moved)[rows])
        assert torch.equal(objective.margin(moved) > 0, objective.success(moved))
        assert all(torch.equal(part.clean[name], image[rows]) for name, image in objective.clean.items())


@pytest.mark.usefixtures("bfloat16_everywhere")
def test_bfloat16_reads_other_gradients_but_measures_the_same_success() -> None:
    objective = make_two_classes(8)
    exact, fast = (PGD(precision=precision)(objective, ThreatModel()) for precision in ("float32", "bfloat16"))
    assert fast.images["rgb"].dtype == torch.float32
    assert fast.loss.dtype == torch.float32
    assert not torch.equal(fast.images["rgb"], exact.images["rgb"])
    assert torch.equal(fast.loss, objective.loss(fast.images))
    # nearly as strong: the sign of a gradient hardly depends on its last bits
    assert bool((fast.loss > exact.loss_clean + 0.9 * (exact.loss - exact.loss_clean)).all())
    detector = PGD(precision="bfloat16")(evade(), THREAT)
    assert bool((detector.loss > detector.loss_clean).all())


def test_diverse_inputs_move_all_sensors_alike_and_one_sample_unlike_another() -> None:
    image = torch.zeros(6, 1, 40, 30)
    image[:] = torch.linspace(0.2, 1, 30)
    draws = [torch.Generator().manual_seed(seed) for seed in range(6)]
    moved = Diversity(smallest=0.5, probability=1.0).draw({"depth": image}, draws)({"depth": image, "infrared": image})
    assert torch.equal(moved["depth"], moved["infrared"])
    assert moved["depth"].shape == image.shape
    seen = (moved["depth"] > 0).flatten(1).sum(dim=1)
    assert len(set(seen.tolist())) > 1
    assert bool(((seen >= 0.2 * 1200) & (seen < 1200)).all())


def test_smoothing_is_averaging_over_shifts() -> None:
    kernel = make_kernel("uniform", size=3, deviations=3.0)
    point = torch.zeros(1, 2, 7, 7)
    point[0, 1, 3, 3] = 9.0
    spread = smooth(point, kernel)
    torch.testing.assert_close(spread[0, 1, 2:5, 2:5], torch.ones(3, 3))
    assert float(spread[0, 0].abs().max()) == 0.0
    assert float(make_kernel("gaussian", size=15, deviations=3.0).sum()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: PGD(steps=0),
        lambda: BIM(restarts=2),
        lambda: SIFGSM(scales=0),
        lambda: PGD(step_size=0.0),
        lambda: MIFGSM(decay=-1.0),
        lambda: VMIFGSM(neighbors=-1),
        lambda: TIFGSM(kernel_size=4),
        lambda: Diversity(1.1, 0.5),
        lambda: Diversity(0.9, 1.5),
        lambda: make_kernel("gaussian", size=4, deviations=3.0),
    ],
)
def test_values_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(BadInputError):
        wrong()


def test_a_zero_gradient_stops_the_momentum_instead_of_poisoning_it() -> None:
    """Where a model is flat, the library divides zero by zero."""
    objective = make_two_classes(4)
    for parameter in objective.network.parameters():
        parameter.data.zero_()
    attack: Attack = MIFGSM(steps=2)
    result = attack(objective, ThreatModel())
    assert torch.equal(result.images["rgb"], objective.clean["rgb"])


class Watched(Evade):
    """It notes how far from the clean images the model is asked."""

    def __init__(self, count: int = 4) -> None:
        super().__init__(TinyDetector(), make_batch(count), threshold=0.05)
        self.farthest = 0.0

    def loss(self, images: Images) -> torch.Tensor:
        apart = [(images[name].detach() - self.clean[name]).flatten(1).norm(dim=1).max() for name in images]
        self.farthest = max(self.farthest, float(max(apart)))
        return super().loss(images)


@pytest.mark.parametrize(
    ("attack", "reading", "reach"),
    [
        (VMIFGSM(steps=6, radius=1.5), None, 2.5),
        (NIFGSM(steps=10), None, 1.2),
        (PGD(steps=6), AveragedReading(points=3, radius=1.0), 2.0),
    ],
)
def test_an_l2_budget_is_looked_around_in_l2(attack: Attack, reading: AveragedReading | None, reach: float) -> None:
    # per pixel, offsets of eps would be longer than the budget by the root of the number of pixels
    threat = ThreatModel(norm="l2", eps=0.5)
    watched = Watched()
    attack(watched, threat, reading=reading)
    assert 0.4 < watched.farthest <= 0.5 * reach * 1.001
