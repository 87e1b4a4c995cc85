"""Adversarial objectives on a linear detector, where everything can be worked out by hand; and on a small network."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.training.cost_counter import counted
from facewarden.training.crops import CropSet
from facewarden.training.loop import TrainSettings, fit
from facewarden.training.objectives.awp import Awp
from facewarden.training.objectives.parts.adversarial import AdversarialObjective, bernoulli_divergence
from facewarden.training.objectives.pgd_at import PgdAt
from facewarden.training.objectives.sfa_at import SfaAt, some_rows
from facewarden.training.objectives.trades import Trades
from many_heads import ManyHeads, toy_faces

EPS = 4 / 255
PLAIN = {"base": "cross_entropy", "base_settings": {"branch": 0.0, "smoothing": 0.0}}


class Linear(Detector):
    """score = sum(w x) + b over 3 x 2 x 2 pixels."""

    card = Card(name="linear", summary="A stand-in.", role="pad")

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-3.0, 2.6, 12).view(1, 3, 2, 2))
        self.b = nn.Parameter(torch.tensor(0.3))

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(score=(batch.images["rgb"] * self.w).sum(dim=(1, 2, 3)) + self.b)


def four() -> FaceBatch:
    images = torch.linspace(0.2, 0.8, 48).view(4, 3, 2, 2)
    return FaceBatch(images={"rgb": images}, key=("a", "b", "c", "d"), label=torch.tensor([1, 0, 1, 0]))


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_adversarial_training_of_a_linear_detector_is_worked_out_by_hand() -> None:
    model, batch = Linear(), four()
    scores = model(batch).score.tolist()
    reach = EPS * float(model.w.detach().abs().sum())
    # the worst image moves every pixel by eps against the sign of w: the score falls or rises by eps |w|_1
    worst = [softplus(-(s - reach)) if y else softplus(s + reach) for s, y in zip(scores, [1, 0, 1, 0], strict=True)]
    loss = PgdAt(eps=4.0, steps=8, **PLAIN)(model, batch)
    assert float(loss.total.detach()) == pytest.approx(sum(worst) / 4, rel=1e-5)
    assert float(loss.parts["gradients"]) == 9
    clean = [softplus(-s) if y else softplus(s) for s, y in zip(scores, [1, 0, 1, 0], strict=True)]
    half = PgdAt(eps=4.0, steps=8, share=0.5, **PLAIN)(model, batch)
    assert float(half.total.detach()) == pytest.approx((sum(worst) + sum(clean)) / 8, rel=1e-5)
    # its gradient is that of the formula: d/dw softplus(-(wx - eps |w|_1))
    loss.total.backward()
    wanted = torch.zeros_like(model.w)
    for image, label, score in zip(batch.images["rgb"], [1, 0, 1, 0], scores, strict=True):
        side = -1.0 if label else 1.0
        slope = 1 / (1 + math.exp(-(side * score + reach)))
        wanted += slope * (side * image + EPS * model.w.detach().sign()) / 4
    assert model.w.grad is not None
    torch.testing.assert_close(model.w.grad, wanted, rtol=1e-4, atol=1e-6)


def test_trades_of_a_linear_detector_is_worked_out_by_hand() -> None:
    model, batch = Linear(), four()
    scores = model(batch).score.tolist()
    reach = EPS * float(model.w.detach().abs().sum())

    def apart(s: float, t: float) -> float:
        p, q = 1 / (1 + math.exp(-s)), 1 / (1 + math.exp(-t))
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

    clean = sum(softplus(-s) if y else softplus(s) for s, y in zip(scores, [1, 0, 1, 0], strict=True)) / 4
    # the divergence grows to both sides of the clean score; the random start decides which end the walk reaches
    ends = [(apart(s, s - reach), apart(s, s + reach)) for s in scores]
    objective = Trades(eps=4.0, steps=8, beta=6.0, **PLAIN)
    loss = objective(model, batch)
    attacked, _ = objective.adversarial(model, batch)
    moved = model(attacked).score.tolist()
    for score, other in zip(scores, moved, strict=True):
        assert abs(other - score) == pytest.approx(reach, rel=1e-4)
    found = float(loss.parts["divergence"]) * 4
    combinations = [sum(ends[i][bool(k & 1 << i)] for i in range(4)) for k in range(16)]
    assert min(abs(found - value) for value in combinations) < 1e-5
    assert float(loss.total.detach()) == pytest.approx(clean + 6.0 * found / 4, rel=1e-5)


def test_the_divergence_is_that_of_two_coins() -> None:
    found = bernoulli_divergence(torch.tensor([0.0, 2.0]), torch.tensor([0.0, -1.0]))
    p, q = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))
    assert found.tolist() == pytest.approx([0.0, p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))], abs=1e-6)


def test_weights_are_moved_by_their_share_looked_at_and_put_back() -> None:
    model, batch = Linear(), four()
    objective = Awp(inner="pgd_at", inner_settings={"eps": 4.0, "steps": 8, **PLAIN}, gamma=0.1)
    before = model.w.detach().clone()
    seen: list[torch.Tensor] = []

    def run(total: torch.Tensor) -> None:
        seen.append(model.w.detach().clone())
        total.backward()

    torch.manual_seed(0)
    loss = objective(model, batch)
    objective.backward(model, loss, run=run)
    plain = Linear()
    torch.manual_seed(0)
    PgdAt(eps=4.0, steps=8, **PLAIN)(plain, batch).total.backward()
    assert plain.w.grad is not None
    wanted = before + 0.1 * before.norm() * plain.w.grad / plain.w.grad.norm()
    torch.testing.assert_close(seen[0], wanted)
    assert torch.equal(model.w.detach(), before)
    assert model.w.grad is not None
    assert not torch.equal(model.w.grad, plain.w.grad)
    assert float(loss.parts["gradients"]) == 10
    waiting = Awp(inner_settings={"eps": 4.0, "steps": 8, **PLAIN}, gamma=0.1, warmup=2)
    waiting.backward(model, waiting(model, batch), run=lambda total: seen.append(model.w.detach().clone()))
    assert torch.equal(seen[-1], before)


OBJECTIVES: dict[str, Any] = {
    "pgd_at": lambda: PgdAt(steps=2, **PLAIN),
    "trades": lambda: Trades(steps=1, **PLAIN),
    "awp": lambda: Awp(inner="pgd_at", inner_settings={"steps": 1, **PLAIN}),
    "sfa_at": lambda: SfaAt(generator_steps=1, **PLAIN),
}
KEPT = {**OBJECTIVES, "sfa_at kept": lambda: SfaAt(generator_steps=1, first_steps=3, keep_adam=True, **PLAIN)}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_all_of_them_take_as_many_gradients_and_leave_modes_and_statistics_to_the_clean_pass(name: str) -> None:
    model, batch = ManyHeads().requires_grad_(True).train(), toy_faces(8)
    objective = OBJECTIVES[name]()
    objective.refresh(model, [toy_faces(40, seed=2)], epoch=0)
    assert all(parameter.grad is None for parameter in model.parameters())
    torch.manual_seed(1)
    loss = objective(model, batch)
    assert float(loss.parts["gradients"]) == 3 + (name == "sfa_at")  # its generators learned from all 40 samples once
    assert all(module.training for module in model.modules())
    objective.backward(model, loss, run=lambda total: total.backward())
    assert all(p.grad is not None for p in model.score.parameters())
    torch.manual_seed(1)
    # a second look with the same draws attacks alike: running statistics moved, evaluation mode used them
    assert torch.isfinite(objective(model, batch).total)


def test_generators_are_refreshed_kept_in_the_state_and_change_the_examples() -> None:
    model, batch = ManyHeads(), toy_faces(8)
    first = SfaAt(generator_steps=4, **PLAIN)
    torch.manual_seed(3)
    plain, _ = first.adversarial(model, batch)
    first.refresh(model, [toy_faces(48, seed=2)], epoch=0)
    state = {name: value.clone() for name, value in first.state_dict()["pair"].items()}
    assert any(bool(value.any()) for name, value in state.items() if name.startswith("live.last"))
    again = SfaAt(generator_steps=4, **PLAIN)
    again.load_state_dict(first.state_dict())
    torch.manual_seed(3)
    here, _ = first.adversarial(model, batch)
    torch.manual_seed(3)
    there, _ = again.adversarial(model, batch)
    assert torch.equal(here.images["rgb"], there.images["rgb"])
    assert not torch.equal(here.images["rgb"], plain.images["rgb"])


def test_more_steps_before_the_first_epoch_and_a_kept_optimizer_let_the_map_grow() -> None:
    def sizes(**settings: Any) -> tuple[float, float, float, int]:
        objective, model = SfaAt(generator_steps=1, **settings, **PLAIN), ManyHeads()
        found = [float(objective(model, toy_faces(8)).parts["sfa/size"])]
        with counted(objective.pair) as passes:
            for epoch in (0, 1):
                objective.refresh(model, [toy_faces(48, seed=2)], epoch=epoch)
                found.append(float(objective(model, toy_faces(8)).parts["sfa/size"]))
        return found[0], found[1], found[2], passes.backward

    fresh, more, kept = sizes(), sizes(first_steps=9), sizes(first_steps=9, keep_adam=True)
    assert fresh[0] == more[0] == 0.0
    assert 0.0 < fresh[1] < 0.2 * more[1] < 0.2
    assert more[1] == kept[1]
    assert kept[2] != more[2]
    assert (fresh[3], more[3], kept[3]) == (2 * 48, 11 * 48, 11 * 48)  # the same samples come again


def test_the_map_that_is_logged_is_that_of_the_attacked_images() -> None:
    objective, model = SfaAt(generator_steps=1, cap=2.0, **PLAIN), ManyHeads()
    objective.refresh(model, [toy_faces(48, seed=2)], epoch=0)
    batch = toy_faces(8)
    told = objective(model, batch).parts["sfa/size"]
    assert float(told) == pytest.approx(float(objective.pair(batch.images["rgb"]).abs().mean()) * 255 / 2, rel=1e-5)


@pytest.mark.parametrize("name", ["awp", "sfa_at", "sfa_at kept"])
def test_training_under_the_loop_resumes_to_the_same_bits(name: str, tmp_path: Path) -> None:
    weights: list[dict[str, torch.Tensor]] = []
    for stop in (None, 1):
        model = registry.load("pad", "multitask").untrained({"size": 32}, seed=0)
        source = crops()
        for until in (stop, None) if stop else (None,):
            objective = KEPT[name]()
            settings = TrainSettings(epochs=2, batch=8, rate=1e-3, margin=1.0)
            log = fit(
                model,
                source,
                objective=objective,
                settings=settings,
                seed=0,
                run=tmp_path / str(stop),
                stop_after=until,
            )
        weights.append(dict(model.network.state_dict()))
        assert log[-1]["gradients"] == 3 + name.startswith("sfa_at")
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def crops() -> CropSet:
    batch = toy_faces(16)
    assert batch.label is not None
    images = torch.nn.functional.interpolate(batch.images["rgb"], size=32)
    return CropSet(
        images={"rgb": (images * 255).to(torch.uint8)}, present={"rgb": torch.ones(16, dtype=torch.bool)},
        key=batch.key, label=batch.label, species=batch.species or (), subject=batch.subject or (),
        domain=batch.domain or (),
    )  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradients_that_it_tells_are_the_backward_passes_that_it_takes(name: str) -> None:
    model, objective = ManyHeads().requires_grad_(True).train(), OBJECTIVES[name]()
    helpers = objective.helpers()
    with ExitStack() as stack:
        passes = stack.enter_context(counted(model))
        others = [stack.enter_context(counted(network)) for network in helpers.values()]
        objective.refresh(model, [toy_faces(40, seed=2)], epoch=0)
        told = 0.0
        for step in range(5):  # as many samples as the generators learn from
            loss = objective(model, toy_faces(8, seed=step))
            told += 8 * float(loss.parts["gradients"])
            objective.backward(model, loss, run=lambda total: total.backward())
    assert passes.backward == told
    assert passes.forward == told + (40 if name == "trades" else 0)  # the decision that it is to keep
    assert list(helpers) == (["generators"] if name == "sfa_at" else [])
    assert [(other.forward, other.backward) for other in others] == ([(80, 40)] if helpers else [])


def test_passes_are_counted_by_sample_once_for_each_way_back() -> None:
    network = nn.Linear(2, 3)
    with counted(network) as passes:
        network(torch.zeros(5, 2)).sum().backward()
        with torch.no_grad():
            network(torch.zeros(4, 2))
        network(torch.zeros(3, 2))
    network(torch.zeros(7, 2))
    assert (passes.forward, passes.backward) == (12, 5)


@pytest.mark.parametrize(
    "make", [lambda: PgdAt(share=0.5, split=True, **PLAIN), lambda: SfaAt(generator_steps=1, split=True, **PLAIN)]
)
def test_split_statistics_are_those_of_clean_samples_alone_and_the_loss_goes_backward(
    make: Callable[[], AdversarialObjective],
) -> None:
    model, alone = (registry.load("pad", "multitask").untrained({"size": 32}, seed=0).train() for _ in range(2))
    faces = replace(toy_faces(8), tasks={})
    batch = faces.with_images({"rgb": nn.functional.interpolate(faces.images["rgb"], size=32)})
    buffers = dict(model.named_buffers())
    make()(model, batch).total.backward()
    alone(batch)
    assert buffers
    assert any(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    for name, value in alone.named_buffers():
        torch.testing.assert_close(buffers[name], value, rtol=0, atol=0)
    assert all(value is buffers[name] for name, value in model.named_buffers())  # the same tensors, as others hold them


def test_heads_to_attack_must_be_there() -> None:
    model, batch = ManyHeads(), toy_faces(8)
    with pytest.raises(BadInputError, match="no head 'typ'") as raised:
        SfaAt(heads=["typ", "depth"], **PLAIN).compute(model, batch)
    assert raised.value.hint == "heads: live, type, attributes, depth"
    with pytest.raises(BadInputError, match="without the truth of head 'depth'"):
        SfaAt(heads=["depth"], **PLAIN).compute(model, replace(batch, tasks={"type": batch.tasks["type"]}))
    drawn = {SfaAt(heads=["depth"], **PLAIN).goal(model, batch).head for _ in range(3)}  # type: ignore[attr-defined]
    assert drawn == {"depth"}


def test_generators_see_a_sample_of_fixed_size_and_hold_no_more() -> None:
    alive: weakref.WeakSet[FaceBatch] = weakref.WeakSet()
    most = 0

    def batches() -> Iterator[FaceBatch]:
        nonlocal most
        for number in range(12):
            batch = toy_faces(48, seed=number)
            alive.add(batch)
            yield batch
            del batch
            most = max(most, sum(len(held) for held in alive))

    objective = SfaAt(generator_steps=1, **PLAIN)
    with counted(objective.pair) as passes:
        objective.refresh(ManyHeads(), batches(), epoch=0)
    assert passes.forward == 64
    assert most <= 96
    # the order in which samples come does not matter
    first, count = some_rows([toy_faces(20), toy_faces(20, seed=1)], 7, seed=3)
    again, _ = some_rows([toy_faces(20, seed=1), toy_faces(20)], 7, seed=3)
    assert first is not None
    assert again is not None
    assert (first.key, len(first), count) == (again.key, 7, 40)


@pytest.mark.parametrize("base", ["regrad", "ssp", "ssdg"])
def test_a_base_that_makes_its_own_gradients_or_prototypes_is_refused(base: str) -> None:
    with pytest.raises(BadInputError, match=f"base '{base}' needs its own"):
        PgdAt(base=base)


def test_nonsense_is_refused() -> None:
    with pytest.raises(BadInputError, match="0 gray levels"):
        PgdAt(eps=0.0)
    with pytest.raises(BadInputError, match="on top of adversarial"):
        Awp(inner="cross_entropy")
    with pytest.raises(BadInputError, match="share"):
        PgdAt(share=0.0)
