"""LowKey and Fawkes: budgets really kept, views and prices that do what they say, published constants."""

from __future__ import annotations

from typing import Any

import pytest
import scipy.ndimage
import torch

from facewarden.attacks.fawkes import Fawkes
from facewarden.attacks.fawkes_targeted import FawkesTargeted
from facewarden.attacks.lowkey import LowKey
from facewarden.attacks.parts.dissimilar import DissimilarityWalk
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images, Objective
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.attack_options import build_attack
from facewarden.nn.ssim import dssim, ssim
from stand_ins import TinyRecognizer, make_faces

KEYS = ("a", "b")


def push(count: int = 2) -> PushAway:
    return PushAway([TinyRecognizer(1), TinyRecognizer(2)], make_faces(count) * 0.8 + 0.1, keys=KEYS[:count])


class Recorder(Objective):
    """Remembers what it was asked about; its loss grows with every pixel."""

    goal = "record"

    def __init__(self, images: torch.Tensor) -> None:
        self.clean, self.keys, self.seen = {"rgb": images}, KEYS[: len(images)], []

    def loss(self, images: Images) -> torch.Tensor:
        self.seen.append(images["rgb"].detach().clone())
        return images["rgb"].mean(dim=(1, 2, 3))

    def success(self, images: Images) -> torch.Tensor:
        return torch.zeros(len(images["rgb"]), dtype=torch.bool)


@pytest.mark.parametrize("pace", ["published", "swift"])
@pytest.mark.parametrize("eps", [4 / 255, 16 / 255])
def test_lowkey_enforces_its_budget_and_hides_the_face(pace: str, eps: float) -> None:
    objective = push()
    found = LowKey(pace=pace, steps=12)(objective, ThreatModel(eps=eps))
    assert float((found.images["rgb"] - objective.clean["rgb"]).abs().max()) <= eps + 1e-6
    assert bool((found.loss > found.loss_clean + 0.02).all())


def test_lowkey_steps_as_published_up_to_the_budget() -> None:
    recorder = Recorder(torch.full((1, 3, 16, 16), 0.3))
    found = LowKey(price=0.0)(recorder, ThreatModel(eps=0.05))
    assert found.gradient_calls == 100
    assert float((recorder.seen[2] - recorder.seen[0]).mean()) == pytest.approx(0.0025, abs=1e-6)
    assert float((found.images["rgb"] - 0.3).abs().max()) == pytest.approx(0.05, abs=1e-6)


def test_lowkey_sees_every_second_time_the_smoothed_face() -> None:
    images = make_faces(1)
    for pace in ("published", "swift"):
        recorder = Recorder(images)
        LowKey(pace=pace, steps=2, price=0.0)(recorder, ThreatModel(eps=0.0))
        asked = recorder.seen[: 4 if pace == "published" else 2]
        smooth = scipy.ndimage.gaussian_filter(images.numpy(), 3.0, radius=3, mode="mirror", axes=(2, 3))
        expected = [images, torch.from_numpy(smooth)]
        for number, given in enumerate(asked):
            view = expected[number % 2] if pace == "published" else expected[1 - number % 2]
            torch.testing.assert_close(given, view, atol=1e-5, rtol=0)


def test_the_swift_pace_takes_a_seventh_of_the_gradients() -> None:
    threat = ThreatModel()
    slow, swift = (LowKey(pace=pace)(push(1), threat) for pace in ("published", "swift"))
    assert 7 * swift.gradient_calls < slow.gradient_calls + 1
    assert float(swift.loss) > 0.7 * float(slow.loss)


def test_a_price_buys_similarity() -> None:
    objective = push()
    cheap, dear = (LowKey(steps=20, price=price)(objective, ThreatModel(eps=16 / 255)) for price in (0.0, 20.0))
    seen = [ssim(found.images["rgb"], objective.clean["rgb"]) for found in (cheap, dear)]
    assert bool((seen[1] > seen[0] + 0.005).all())


@pytest.mark.parametrize(("mode", "threshold"), [("low", 0.004), ("mid", 0.012), ("high", 0.017)])
def test_fawkes_keeps_its_dissimilarity_and_the_hard_bound(mode: str, threshold: float) -> None:
    objective = push()
    found = Fawkes(mode=mode, steps=25)(objective, ThreatModel(eps=15 / 255))
    seen = dssim(found.images["rgb"], objective.clean["rgb"])
    assert float(seen.max()) <= 1.1 * threshold + 1e-5
    assert float(seen.min()) > 0.1 * threshold
    assert float((found.images["rgb"] - objective.clean["rgb"]).abs().max()) <= 15 / 255 + 1e-6
    assert bool((found.loss > found.loss_clean).all())


def test_more_dissimilarity_buys_more_shift() -> None:
    threat = ThreatModel(eps=15 / 255)
    shifts = [Fawkes(mode=mode, steps=40)(push(), threat).loss.mean() for mode in ("low", "mid", "high")]
    assert shifts == sorted(shifts)
    assert float(shifts[2]) > 1.2 * float(shifts[0])


def test_without_room_for_dissimilarity_almost_nothing_changes() -> None:
    objective = push()
    found = FawkesTargeted(threshold=1e-7, steps=10)(objective, ThreatModel(eps=15 / 255))
    assert float((found.images["rgb"] - objective.clean["rgb"]).abs().max()) < 2 / 255


def test_targeted_fawkes_moves_towards_the_target_and_not_elsewhere() -> None:
    faces, targets = make_faces(2) * 0.8 + 0.1, make_faces(2, seed=9)
    objective = Impersonate([TinyRecognizer()], faces, targets=targets, keys=KEYS)
    found = FawkesTargeted(steps=30)(objective, ThreatModel(eps=15 / 255))
    assert FawkesTargeted.wants_target
    assert not Fawkes.wants_target
    assert bool((found.loss > found.loss_clean + 0.01).all())
    assert float(dssim(found.images["rgb"], faces).max()) <= 1.1 * 0.007 + 1e-5


def test_the_optimizers_are_those_of_torch() -> None:
    for name, make in (
        ("adadelta", lambda p: torch.optim.Adadelta([p], lr=15.0, rho=0.95, eps=1e-7)),
        ("adam", lambda p: torch.optim.Adam([p], lr=0.1)),
    ):
        walk = DissimilarityWalk(0.01, 5, 15.0 if name == "adadelta" else 0.1, name, 1.0, balanced=False)  # type: ignore[arg-type]
        parameter = torch.zeros(1, 3, 4, 4, requires_grad=True)
        optimizer, mine, held = make(parameter), torch.zeros(1, 3, 4, 4), []
        for number in range(1, 6):
            slope = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(number))
            parameter.grad = -slope
            optimizer.step()
            mine = mine + walk._step(slope, held, number)
        torch.testing.assert_close(mine, parameter.detach(), rtol=1e-5, atol=1e-5)


def test_the_balance_doubles_halves_and_starts_again() -> None:
    walk = DissimilarityWalk(0.01, 1, 1.0, "adam", 1.0, balanced=True)
    factor, excess = torch.tensor([1.0, 4.0, 4.0, 0.25, 128.0, 2.0]), torch.tensor([-1.0, -1.0, 1.0, -1.0, -1.0, 0.0])
    assert walk._rebalanced(factor, excess * 0.01).tolist() == [2.0, 8.0, 1.0, 1.0, 128.0, 2.0]


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (LowKey, {"steps": 0}),
        (LowKey, {"smoothing": -1.0}),
        (LowKey, {"price": float("nan")}),
        (LowKey, {"pace": "fast"}),
        (LowKey, {"pace": "swift", "step_size": 0.1}),
        (Fawkes, {"mode": "ultra"}),
        (Fawkes, {"steps": 0}),
        (FawkesTargeted, {"threshold": 0.0}),
        (FawkesTargeted, {"rate": -1.0}),
    ],
)
def test_impossible_options_are_refused_with_a_possible_one(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(BadInputError) as error:
        build_attack(make.__module__.rpartition(".")[2], options)
    assert next(iter(options)) in error.value.hint
    if not any(isinstance(value, str) for value in options.values()):  # the type checks of the test run come first
        with pytest.raises(BadInputError) as error:
            make(**options)
        assert next(iter(options)) in error.value.hint
