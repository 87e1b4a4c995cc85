"""The feed of a training: the same batches whoever prepares them, drawn before they are prepared, waiting measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from augment_each import augment_each
from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.seeding import derive
from facewarden.training.augment import augment
from facewarden.training.loop import CHECKPOINTS, TrainSettings, fit
from facewarden.training.objectives.cross_entropy import CrossEntropy
from facewarden.training.objectives.ssp import Ssp
from facewarden.training.parts.augment_settings import PUBLISHED, Augmentation
from facewarden.training.parts.feed import Feed, StepSet, StillBatches, workers_for
from facewarden.training.parts.options import AveragedWeights, recomputed_blocks
from facewarden.training.parts.ranks import Ranks
from facewarden.training.recipe import Recipe
from stand_ins import crop_set, make_batch
from two_processes import Normalized

SETTINGS = TrainSettings(epochs=2, batch=6, margin=1.0)
CPU, ALONE = torch.device("cpu"), Ranks()


def same(one: FaceBatch, other: FaceBatch) -> bool:
    assert one.key == other.key
    parts = [(one.images, other.images), (one.present, other.present), (one.tasks, other.tasks)]
    pairs: list[tuple[Tensor, Tensor]] = [(a[name], b[name]) for a, b in parts for name in a]  # type: ignore[index]
    return all(torch.equal(a, b) for a, b in pairs)


def feed(workers: int = 0, *, ranks: Ranks = ALONE, settings: TrainSettings = SETTINGS) -> Feed:
    return Feed(StepSet(crop_set(16), settings, size=32, seed=3, ranks=ranks), device=CPU, workers=workers)


@pytest.mark.parametrize(
    "settings",
    [Augmentation(), PUBLISHED, Augmentation(offset=0.1, gamma=0.4), Augmentation(exposure=0.0, noise=0.0, blur=0.0)],
)
def test_a_batch_is_changed_as_its_samples_one_by_one(settings: Augmentation) -> None:
    batch = replace(make_batch(5, size=40), box=None)
    for epoch in range(2):
        made = augment(batch, size=32, settings=settings, seed=1, epoch=epoch)
        assert same(made, augment_each(batch, size=32, settings=settings, seed=1, epoch=epoch))


def test_worker_processes_prepare_the_same_batches() -> None:
    alone, shared = list(feed().batches(1, 6)), list(feed(2).batches(1, 6))
    assert len(alone) == len(shared) == 5
    assert all(same(one, other) for one, other in zip(alone, shared, strict=True))


def test_processes_share_a_batch_and_change_its_samples_alike() -> None:
    [whole] = feed().batches(2, 3)
    parts = [next(feed(ranks=Ranks(index, 2)).batches(2, 3)) for index in range(2)]
    assert all(same(part, whole.select(list(range(index, 6, 2)))) for index, part in enumerate(parts))


def test_training_with_workers_ends_with_the_same_bits(tmp_path: Path) -> None:
    states = []
    for workers in (0, 2):
        model = Normalized()
        run = tmp_path / str(workers)
        fit(model, crop_set(8), objective=CrossEntropy(), settings=SETTINGS, seed=0, run=run, workers=workers)
        states.append(model.network.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_waiting_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = feed()
    take = StepSet.__getitem__

    def late(self: StepSet, step: int) -> Any:
        time.sleep(0.02)
        return take(self, step)

    monkeypatch.setattr(StepSet, "__getitem__", late)
    for _ in slow.batches(0, 3):
        pass
    assert slow.take_waited() >= 0.06
    assert slow.take_waited() == 0.0


def test_a_refresh_prepares_only_what_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    take = StillBatches.__getitem__

    def counted(self: StillBatches, number: Any) -> Any:
        asked.append(number)
        return take(self, number)

    monkeypatch.setattr(StillBatches, "__getitem__", counted)

    objective = Ssp(sources=("a", "b"), probability=0.3)
    batches = StillBatches(crop_set(16), size=32, batch=2, device=CPU)
    objective.refresh(OneToken(), batches, epoch=0, seed=5)
    used = [number for number in range(len(batches)) if derive(5, "prototypes", 0, number) / 2**63 < 0.3]
    assert 0 < len(used) < len(batches)
    # the checks of types in tests may look at one batch of their choice before
    assert asked[-len(used) :] == used
    assert len(asked) <= len(used) + 1


class OneToken(Detector):
    """Every sensor has the same class token for every sample."""

    card = Card(name="one", summary="A stand-in.", role="pad")
    modalities = MODALITIES

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(torch.zeros(len(batch)), features=torch.ones(len(batch), 6))


def test_one_asked_for_too_few_workers() -> None:
    with pytest.raises(BadInputError, match="-1 workers"):
        feed(-1)
    assert workers_for(CPU) == 0


def test_the_moving_average_is_what_the_training_leaves(tmp_path: Path) -> None:
    def trained(run: Path, *, ema: float, stops: tuple[int | None, ...] = (None,)) -> Mapping[str, Tensor]:
        for stop in stops:
            model = Normalized()
            settings = replace(SETTINGS, epochs=3, ema=ema)
            fit(model, crop_set(8), objective=CrossEntropy(), settings=settings, seed=0, run=run, stop_after=stop)
        return model.network.state_dict()

    last, averaged = trained(tmp_path / "last", ema=0.0), trained(tmp_path / "averaged", ema=0.9)
    assert any(not torch.equal(value, averaged[name]) for name, value in last.items())
    resumed = trained(tmp_path / "resumed", ema=0.9, stops=(1, 2, None))
    assert all(torch.equal(value, resumed[name]) for name, value in averaged.items())
    assert list((tmp_path / "averaged" / CHECKPOINTS).iterdir())


def test_the_average_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    averaged = AveragedWeights(network, decay=0.9)
    for value in (1.0, 2.0):
        nn.init.constant_(network.weight, value)
        averaged.step()
    first = (1 - 2 / 11) * 1.0
    expected = first + (1 - 3 / 12) * (2.0 - first)
    with averaged.applied():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == 2.0


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.calls = 0
        for block in self.blocks:
            block.register_forward_hook(self._count)

    def _count(self, *_: Any) -> None:
        self.calls += 1

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = torch.tanh(block(x))
        return x


def test_blocks_are_computed_twice_to_the_same_gradients() -> None:
    torch.manual_seed(0)
    network, x = Blocks(), torch.randn(3, 4)
    network(x).sum().backward()
    plain = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    forwards: list[int] = []
    forward = nn.Linear.forward

    def counted(self: nn.Linear, values: Tensor) -> Tensor:
        forwards.append(1)
        return forward(self, values)

    nn.Linear.forward = counted  # type: ignore[method-assign]
    try:
        with recomputed_blocks(network, on=True):
            network(x).sum().backward()
    finally:
        nn.Linear.forward = forward  # type: ignore[method-assign]
    assert len(forwards) == 4
    again = [parameter.grad for parameter in network.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True) if other is not None)
    with pytest.raises(BadInputError, match="no blocks to compute twice"), recomputed_blocks(nn.Linear(1, 1), on=True):
        pass


def test_blocks_are_computed_twice_under_regrad_too(tmp_path: Path) -> None:
    """Four gradients are taken of one graph, and each computes the blocks again."""

    def trained(recompute: bool) -> Mapping[str, Tensor]:
        model = registry.load("pad", "mmdg").untrained({"trunk": "face_vit", "depth": 1, "size": 32}, seed=0)
        settings = replace(SETTINGS, epochs=1, batch=4, recompute=recompute)
        objective = registry.load("objectives", "regrad")()
        fit(model, crop_set(4), objective=objective, settings=settings, seed=0, run=tmp_path / str(recompute))
        return dict(model.network.state_dict())

    plain, again = trained(False), trained(True)
    assert all(torch.equal(value, again[name]) for name, value in plain.items())


def test_options_that_are_not_used_are_in_no_id() -> None:
    plain = Recipe(entry="multi_cnn", summary="x").plain()
    assert not {"ema", "compile", "recompute", "accumulate"} & set(plain["training"])
    used = Recipe(entry="multi_cnn", summary="x", training=replace(SETTINGS, ema=0.5, recompute=True)).plain()
    assert (used["training"]["ema"], used["training"]["recompute"]) == (0.5, True)


def test_compilation_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, *_, **__: compiled.append(self))
    model = Normalized()
    settings = replace(SETTINGS, epochs=1, compile=True)
    fit(model, crop_set(8), objective=CrossEntropy(), settings=settings, seed=0, run=tmp_path)
    assert compiled == [model.network]
