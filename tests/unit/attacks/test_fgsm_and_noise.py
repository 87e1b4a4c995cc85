from __future__ import annotations

from typing import Any

import pytest
import torch

from facewarden.attacks.fgsm import FGSM
from facewarden.attacks.noise import Noise
from facewarden.attacks.pgd import PGD
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.core.threat import ThreatModel
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces


def evade(count: int = 4, *, size: int = 12) -> Evade:
    return Evade(TinyDetector(), make_batch(count, size=size), threshold=0.0)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fgsm_is_one_whole_step_of_pgd(norm: Any) -> None:
    threat = ThreatModel(norm=norm, eps=0.1, modalities=MODALITIES)
    one = FGSM()(evade(), threat)
    step = PGD(steps=1, step_size=0.1, random_start=False)(evade(), threat)
    for name in MODALITIES:
        assert torch.equal(one.images[name], step.images[name])
    assert (one.gradient_calls, one.queries) == (1, 0)


def test_fgsm_has_nothing_to_climb_where_push_away_starts() -> None:
    """The reason why its description sends this goal to PGD."""
    faces = make_faces(2)
    result = FGSM()(PushAway([TinyRecognizer()], faces, keys=("a", "b")), ThreatModel(norm="l2", eps=1e-3))
    assert float(result.loss.max()) < 1e-4


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_attack_beats_noise_of_the_same_size(norm: Any) -> None:
    threat = ThreatModel(norm=norm, eps=0.05 if norm == "linf" else 0.5)
    noise = Noise()(evade(8), threat).loss
    for attack in (FGSM(), PGD()):
        assert bool((attack(evade(8), threat).loss > noise).all())


def test_noise_asks_the_model_nothing_and_spends_its_budget() -> None:
    linf = Noise()(evade(size=32), ThreatModel(eps=0.1))
    assert (linf.gradient_calls, linf.queries) == (0, 0)
    assert bool((linf.distance["rgb"] > 0.099).all())
    inside = make_batch(4).images["depth"] * 0.0 + 0.5  # far from black and white, so that nothing is clamped
    objective = Evade(TinyDetector(), make_batch(4).with_images({"depth": inside}), threshold=0.0)
    l2 = Noise()(objective, ThreatModel(norm="l2", eps=0.3, modalities=("depth",)))
    torch.testing.assert_close(l2.distance["depth"], torch.full((4,), 0.3))


def test_linf_noise_is_uniform_over_the_cube() -> None:
    inside = make_batch(2, size=64).images["rgb"] * 0.0 + 0.5
    objective = Evade(TinyDetector(), make_batch(2, size=64).with_images({"rgb": inside}), threshold=0.0)
    change = Noise()(objective, ThreatModel(eps=0.1)).images["rgb"] - 0.5
    assert abs(float(change.mean())) < 0.002
    assert float(change.std()) == pytest.approx(0.1 / 3**0.5, rel=0.02)


def test_more_draws_only_help_the_noise() -> None:
    threat = ThreatModel(eps=0.2, modalities=MODALITIES)
    one, many = Noise()(evade(8), threat), Noise(draws=5)(evade(8), threat)
    assert bool((many.loss >= one.loss).all())
    assert bool((many.loss > one.loss).any())
    assert many.queries == 5


def test_noise_works_on_a_model_without_gradients() -> None:
    detector = TinyDetector()
    detector.differentiable = False
    objective = Evade(detector, make_batch(), threshold=0.0)
    assert Noise()(objective, ThreatModel()).images["rgb"].shape == (4, 3, 12, 12)
    with pytest.raises(BadInputError, match="FGSM needs gradients"):
        FGSM()(objective, ThreatModel())


def test_no_draw_is_refused() -> None:
    with pytest.raises(BadInputError, match="draws is 0; allowed: a whole number from 1"):
        Noise(draws=0)
