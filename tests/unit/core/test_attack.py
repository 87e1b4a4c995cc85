from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from facewarden.core.attack import Attack, AttackResult, CountedObjective
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Objective
from facewarden.core.threat import ThreatModel
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces


class Does(Attack):
    """An attack that does whatever it is told to."""

    needs_gradients: ClassVar[bool] = False

    def __init__(self, perturb: Callable[[CountedObjective], Images]) -> None:
        self.function = perturb

    def perturb(self, objective: CountedObjective) -> Images:
        return self.function(objective)


def evade(count: int = 4, **changes: Any) -> Evade:
    return Evade(TinyDetector(), make_batch(count, **changes), threshold=0.0)


def attack(perturb: Callable[[CountedObjective], Any], threat: ThreatModel | None = None) -> AttackResult:
    return Does(perturb)(evade(), threat or ThreatModel())


def everything(value: float) -> Callable[[CountedObjective], Images]:
    return lambda objective: {name: torch.full_like(image, value) for name, image in objective.clean.items()}


def test_call_is_final() -> None:
    with pytest.raises(ContractError, match=r"overrides Attack\.__call__, which is final"):
        type("Liar", (Attack,), {"__call__": lambda self, *a, **k: None, "perturb": lambda self, objective: {}})


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e6, -1e6])
def test_images_outside_the_budget_are_brought_back(norm: Any, value: float) -> None:
    threat = ThreatModel(norm=norm, eps=0.05, modalities=("rgb", "infrared"))
    result = attack(everything(value), threat)
    clean = evade().clean
    for name in threat.modalities:
        assert float(threat.distance(result.images[name], clean[name]).max()) <= 0.05 * (1 + 1e-5)
        assert float(result.images[name].min()) >= 0.0
        assert float(result.images[name].max()) <= 1.0


def test_a_modality_that_the_threat_does_not_name_stays_as_it_was() -> None:
    result = attack(everything(0.3), ThreatModel(modalities=("depth",)))
    clean = evade().clean
    assert torch.equal(result.images["rgb"], clean["rgb"])
    assert torch.equal(result.images["infrared"], clean["infrared"])
    assert not torch.equal(result.images["depth"], clean["depth"])
    assert set(result.distance) == {"depth"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("modality", ["rgb", "depth"])
def test_pixels_that_are_not_finite_are_refused(value: float, modality: Modality) -> None:
    def perturb(objective: CountedObjective) -> Images:
        images = {name: image.clone() for name, image in objective.clean.items()}
        images[modality][0, 0, 0, 0] = value
        return images

    with pytest.raises(ContractError, match=f"{modality} pixels that are not finite"):
        attack(perturb)


@pytest.mark.parametrize(
    "perturb",
    [
        lambda objective: {"rgb": objective.clean["rgb"]},
        lambda objective: {**objective.clean, "rgb": objective.clean["rgb"][:2]},
        lambda objective: {**objective.clean, "depth": objective.clean["rgb"]},
    ],
)
def test_missing_or_misshapen_images_are_refused(perturb: Callable[[CountedObjective], Images]) -> None:
    with pytest.raises(ContractError, match="must return"):
        attack(perturb)


def test_success_is_what_the_model_says_not_what_the_attack_says() -> None:
    class Boaster(Attack):
        needs_gradients: ClassVar[bool] = False
        success = torch.ones(4, dtype=torch.bool)

        def perturb(self, objective: CountedObjective) -> Images:
            object.__setattr__(objective, "success", lambda images: torch.ones(4, dtype=torch.bool))
            return objective.clean

    result = Boaster()(evade(), ThreatModel())
    batch = make_batch()
    truth = (TinyDetector()(batch).score >= 0.0) != batch.label.bool()  # type: ignore[union-attr]
    assert torch.equal(result.success, truth)
    assert torch.equal(result.success, result.success_clean)
    assert not bool(result.success.all())
    assert torch.equal(result.loss, result.loss_clean)
    assert float(result.distance["rgb"].max()) == 0.0


def test_the_result_agrees_with_a_measurement_from_outside() -> None:
    threat = ThreatModel(eps=0.2, modalities=("rgb", "depth", "infrared"))
    result = attack(everything(0.0), threat)
    batch = make_batch()
    score = TinyDetector()(batch.with_images(result.images)).score
    assert torch.equal(result.success, (score >= 0.0) != batch.label.bool())  # type: ignore[union-attr]
    torch.testing.assert_close(result.loss, torch.where(batch.label.bool(), -score, score))  # type: ignore[union-attr]


def test_writing_into_the_clean_images_moves_no_yardstick() -> None:
    def perturb(objective: CountedObjective) -> Images:
        for image in objective.clean.values():
            image.fill_(0.5)
        return objective.clean

    objective = evade()
    before = {name: image.clone() for name, image in objective.clean.items()}
    result = Does(perturb)(objective, ThreatModel(eps=0.1))
    for name, image in before.items():
        assert torch.equal(objective.clean[name], image)
    torch.testing.assert_close(result.distance["rgb"], torch.full((4,), 0.1))
    assert torch.equal(result.loss_clean, evade().loss(before))


def test_every_use_of_the_model_is_counted() -> None:
    def perturb(objective: CountedObjective) -> Images:
        for _ in range(3):
            objective.gradient(objective.clean)
        for _ in range(2):
            objective.loss(objective.clean)
        objective.success(objective.clean)
        return objective.clean

    result = attack(perturb)
    assert (result.gradient_calls, result.queries) == (3, 3)


@pytest.mark.parametrize("counter", ["gradient_calls", "queries"])
def test_the_counters_cannot_be_reset(counter: str) -> None:
    with pytest.raises(AttributeError):
        attack(lambda objective: setattr(objective, counter, 0) or objective.clean)  # type: ignore[func-returns-value]


def test_the_gradient_is_that_of_the_loss() -> None:
    objective = evade()
    metered = CountedObjective(objective, ThreatModel(modalities=("rgb", "infrared")), 0)
    gradients, loss = metered.gradient(metered.clean)
    inputs = {name: image.clone().requires_grad_(True) for name, image in objective.clean.items()}
    objective.loss(inputs).sum().backward()
    assert set(gradients) == {"rgb", "infrared"}
    for name, gradient in gradients.items():
        assert torch.equal(gradient, inputs[name].grad)  # type: ignore[arg-type]
        assert float(gradient.abs().max()) > 0.0
    assert torch.equal(loss, objective.loss(objective.clean))


def test_an_input_that_the_loss_ignores_has_gradient_zero() -> None:
    class OnlyRgb(Evade):
        def loss(self, images: Images) -> Tensor:
            return super().loss({**self.clean, "rgb": images["rgb"]})

    objective = OnlyRgb(TinyDetector(), make_batch(), threshold=0.0)
    gradients, _ = CountedObjective(objective, ThreatModel(modalities=("rgb", "depth")), 0).gradient(objective.clean)
    assert float(gradients["depth"].abs().sum()) == 0.0


class BadLoss(Objective):
    goal = "none"
    keys = ("a", "b")

    def __init__(self, loss: Callable[[Images], Tensor]) -> None:
        self.clean, self.function = {"rgb": torch.rand(2, 3, 4, 4)}, loss

    def loss(self, images: Images) -> Tensor:
        return self.function(images)

    def success(self, images: Images) -> Tensor:
        return torch.zeros(2, dtype=torch.bool)


@pytest.mark.parametrize(
    "loss",
    [
        lambda images: images["rgb"].sum(),
        lambda images: images["rgb"].mean(dim=(1, 2, 3)).detach(),
        lambda images: images["rgb"].mean(dim=(2, 3)),
    ],
)
def test_a_loss_that_is_not_one_differentiable_value_a_sample_is_refused(loss: Callable[[Images], Tensor]) -> None:
    with pytest.raises(ContractError, match="one differentiable value a sample"):
        Does(lambda objective: objective.gradient(objective.clean)[0])(BadLoss(loss), ThreatModel())


class NeedsGradient(Does):
    needs_gradients: ClassVar[bool] = True


def test_a_gradient_attack_refuses_a_model_without_gradients() -> None:
    detector = TinyDetector()
    detector.differentiable = False
    objective = Evade(detector, make_batch(), threshold=0.0)
    with pytest.raises(BadInputError, match="needs gradients"):
        NeedsGradient(everything(0.5))(objective, ThreatModel())
    Does(everything(0.5))(objective, ThreatModel())


def test_a_threat_to_a_modality_that_is_not_there_is_refused() -> None:
    objective = PushAway([TinyRecognizer()], make_faces(2), keys=("a", "b"))
    with pytest.raises(BadInputError, match="no depth") as error:
        Does(everything(0.5))(objective, ThreatModel(modalities=("rgb", "depth")))
    assert "rgb" in error.value.hint


def draws(keys: Sequence[int], *, seed: int = 0, **options: Any) -> dict[str, Tensor]:
    batch = make_batch(4).select(keys)
    metered = CountedObjective(Evade(TinyDetector(), batch, threshold=0.0), ThreatModel(), seed)
    return dict(zip(batch.key, metered.noise("rgb", **options), strict=True))


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_the_noise_of_a_sample_depends_on_its_key_and_not_on_its_batch(kind: str) -> None:
    together = draws([0, 1, 2, 3], kind=kind)
    for other in (draws([3, 1, 0], kind=kind), draws([2], kind=kind)):
        for key, noise in other.items():
            assert torch.equal(noise, together[key])
    assert not torch.equal(together["sample 0"], together["sample 1"])


def test_the_noise_differs_by_seed_stream_and_modality() -> None:
    first = draws([0])["sample 0"]
    assert torch.equal(first, draws([0])["sample 0"])
    assert not torch.equal(first, draws([0], seed=1)["sample 0"])
    assert not torch.equal(first, draws([0], stream=1)["sample 0"])
    metered = CountedObjective(evade(), ThreatModel(), 0)
    assert not torch.equal(metered.noise("depth"), metered.noise("infrared"))


def test_the_noise_uses_no_global_randomness() -> None:
    state = torch.random.get_rng_state()
    first = draws([0])["sample 0"]
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(draws([0])["sample 0"], first)


def test_the_noise_has_the_distribution_it_names() -> None:
    metered = CountedObjective(evade(size=64), ThreatModel(), 0)
    uniform, normal = metered.noise("rgb"), metered.noise("rgb", kind="normal")
    assert -1.0 <= float(uniform.min()) < -0.99
    assert 0.99 < float(uniform.max()) < 1.0
    assert abs(float(uniform.mean())) < 0.02
    assert abs(float(normal.std()) - 1.0) < 0.02


def test_an_unknown_kind_of_noise_is_refused() -> None:
    with pytest.raises(BadInputError, match="gauss"):
        draws([0], kind="gauss")
