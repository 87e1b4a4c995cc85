"""The loop: it learns, a killed run ends with the same bits, and its settings and checkpoints are checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.nn.trainable import Trainable
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.training.crops import CropSet
from facewarden.training.loop import CHECKPOINTS, LOG, TrainSettings, fit
from facewarden.training.objectives.cross_entropy import CrossEntropy
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.parts.augment_settings import Augmentation
from stand_ins import TinyDetector

SMALL = {"backbone": "lcnet_035", "width": 8, "size": 32}
SETTINGS = TrainSettings(epochs=3, batch=8, rate=3e-3, margin=1.0, augmentation=Augmentation(rotation=3.0, noise=0.01))


def crop_set(count: int = 16) -> CropSet:
    """Bona fide samples have a bright center in color and relief in depth; infrared tells nothing."""
    draw = torch.Generator().manual_seed(0)
    label = torch.arange(count) % 2
    images = {name: torch.randint(0, 60, (count, CHANNELS[name], 32, 32), generator=draw) for name in MODALITIES}
    images["rgb"][label == 1, :, 10:22, 10:22] += 150
    images["depth"][label == 1, :, 8:24, 8:24] += 100
    return CropSet(
        images={name: image.to(torch.uint8) for name, image in images.items()},
        present={name: torch.ones(count, dtype=torch.bool) for name in MODALITIES},
        key=tuple(f"{i}" for i in range(count)),
        label=label,
        species=("",) * count,
        subject=tuple(f"{i // 2}" for i in range(count)),
        domain=tuple("ab"[i // 2 % 2] for i in range(count)),
    )


class TinyTrainable(Trainable):
    """Two convolutions over all sensors at once."""

    card = Card(name="tiny", summary="A stand-in.", role="pad")
    modalities, optional = MODALITIES, MODALITIES
    settings: ClassVar[dict[str, Any]] = {"size": 32, "scale": 1.0}

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Conv2d(5, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
            nn.Dropout(0.1), nn.Linear(32, 1),
        )  # fmt: skip

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> TinyTrainable:
        return cls()

    @classmethod
    def from_artifact(cls, folder: Path) -> TinyTrainable:
        return cls()

    def predict(self, batch: FaceBatch) -> PadOutput:
        shown = [batch.images[name] * batch.present[name][:, None, None, None] for name in MODALITIES]
        return PadOutput(score=self.network(torch.cat(shown, dim=1) - 0.3)[:, 0])

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        return batch


def state_after(
    run: Path, *, stops: tuple[int, ...] = (), settings: TrainSettings = SETTINGS
) -> dict[str, torch.Tensor]:
    for stop in (*stops, None):
        model = MultiCnn.untrained(SMALL, seed=0)  # each process starts from nothing
        fit(model, crop_set(), objective=CrossEntropy(), settings=settings, seed=0, run=run, stop_after=stop)
    return model.network.state_dict()


def test_a_run_killed_twice_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = state_after(tmp_path / "whole")
    resumed = state_after(tmp_path / "resumed", stops=(1, 2))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert (tmp_path / "whole" / LOG).read_text() == (tmp_path / "resumed" / LOG).read_text()


def test_work_after_the_last_checkpoint_is_done_again_to_the_same_bits(tmp_path: Path) -> None:
    seldom = replace(SETTINGS, every=2)
    whole = state_after(tmp_path / "whole", settings=seldom)
    resumed = state_after(tmp_path / "resumed", stops=(1,), settings=seldom)  # epoch 1 wrote no checkpoint
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_a_sample_drawn_twice_gets_a_key_of_its_own() -> None:
    assert crop_set().batch([3, 1, 3, 3]).key == ("3", "1", "3 again 1", "3 again 2")


def test_the_seed_decides(tmp_path: Path) -> None:
    first = state_after(tmp_path / "first")
    model = MultiCnn.untrained(SMALL, seed=0)
    fit(model, crop_set(), objective=CrossEntropy(), settings=SETTINGS, seed=1, run=tmp_path / "other")
    assert any(not torch.equal(value, first[name]) for name, value in model.network.state_dict().items())


def test_it_learns_what_is_there_to_learn(tmp_path: Path) -> None:
    model, samples = TinyTrainable(), crop_set()
    settings = TrainSettings(epochs=60, batch=8, rate=1e-2, margin=1.0, augmentation=Augmentation(drop=0.0), every=60)
    log = fit(model, samples, objective=CrossEntropy(smoothing=0.0), settings=settings, seed=0, run=tmp_path)
    assert log[0]["fused"] > 0.5
    ends = sorted(line["fused"] for line in log[-10:])
    assert ends[5] < 0.1, "the median: now and then a change of exposure makes a dark sample bright"
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        score = model(samples.batch(range(16))).score
    assert float(score[samples.label == 1].min()) > float(score[samples.label == 0].max())


def test_dropout_is_resumed_to_the_same_bits_too(tmp_path: Path) -> None:
    for name, stops in (("whole", ()), ("resumed", (1,))):
        for stop in (*stops, None):
            model = TinyTrainable()
            torch.manual_seed(len(stops))  # the global generator must not matter
            fit(
                model,
                crop_set(),
                objective=CrossEntropy(),
                settings=SETTINGS,
                seed=0,
                run=tmp_path / name,
                stop_after=stop,
            )
    assert (tmp_path / "whole" / LOG).read_text() == (tmp_path / "resumed" / LOG).read_text()


class Remembering(CrossEntropy):
    """Counts what it was shown and adds the mean pixel of it to the loss, so that a lost memory shows."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Any] = {"epochs": [], "mean": {"rgb": torch.zeros(())}}

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        self.seen["epochs"].append(epoch)
        means = [batch.images["rgb"].mean() for batch in batches]
        self.seen["mean"]["rgb"] = 0.5 * self.seen["mean"]["rgb"] + torch.stack(means).mean() * (epoch + 1)

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        loss = super().compute(model, batch)
        return Loss(loss.total * (1 + self.seen["mean"]["rgb"]), loss.parts)

    def state_dict(self) -> dict[str, Any]:
        return self.seen

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seen = dict(state)


def test_what_an_objective_remembers_is_resumed_too(tmp_path: Path) -> None:
    for name, stops in (("whole", ()), ("resumed", (2,))):
        for stop in (*stops, None):
            objective = Remembering()
            fit(
                TinyTrainable(), crop_set(), objective=objective, settings=SETTINGS, seed=0, run=tmp_path / name,
                stop_after=stop,
            )  # fmt: skip
        assert objective.seen["epochs"] == [0, 1, 2]
    assert (tmp_path / "whole" / LOG).read_text() == (tmp_path / "resumed" / LOG).read_text()


def test_the_log_has_a_line_per_epoch_and_one_checkpoint_is_left(tmp_path: Path) -> None:
    state_after(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) == {"epoch", "steps", "rate", "loss", "fused", *(f"loss/{name}" for name in MODALITIES)}
    assert lines[-1]["rate"] < lines[0]["rate"]
    assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == ["step-0000006"]
    assert {path.suffix for path in (tmp_path / CHECKPOINTS).rglob("*") if path.is_file()} == {".safetensors", ".json"}


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    state_after(tmp_path)
    other = MultiCnn.untrained({**SMALL, "width": 16}, seed=0)
    with pytest.raises(BadInputError, match="cannot go on from here"):
        fit(other, crop_set(), objective=CrossEntropy(), settings=SETTINGS, seed=0, run=tmp_path)


def test_a_cut_checkpoint_is_named(tmp_path: Path) -> None:
    state_after(tmp_path)
    (path,) = (tmp_path / CHECKPOINTS).glob("*/optimizer.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInputError, match="step-0000006"):
        state_after(tmp_path)


def test_a_detector_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="TinyDetector cannot be trained here"):
        fit(TinyDetector(), crop_set(), objective=CrossEntropy(), settings=SETTINGS, seed=0, run=tmp_path)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 1}, {"every": 0}, {"margin": 0.5}, {"accumulate": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadInputError, match=r"training: .*; allowed: a (whole )?number from"):
        TrainSettings(**wrong)


class Sizes(CrossEntropy):
    """Notes how many batches each step took and what `finish` was called on."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def gather(self, batches: int) -> None:
        self.told.append(f"gather {batches}")

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[torch.Tensor], None]) -> None:
        self.told.append("backward")
        run(loss.total)

    def finish(self) -> None:
        self.told.append("finish")

    def statistics(self, model: Detector) -> dict[str, float]:
        self.told.append("step")
        return {}


def test_batches_are_gathered_and_the_last_step_of_an_epoch_takes_what_is_left(tmp_path: Path) -> None:
    rule = Sizes()
    settings = replace(SETTINGS, epochs=1, batch=4, accumulate=3)  # four batches an epoch: three and one
    log = fit(TinyTrainable(), crop_set(), objective=rule, settings=settings, seed=0, run=tmp_path)
    assert rule.told == ["gather 3", *["backward"] * 3, "step", "backward", "finish", "step"]
    assert log[0]["steps"] == 4


class Gradients(CrossEntropy):
    """Keeps the gradient of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[torch.Tensor] = []

    def statistics(self, model: Detector) -> dict[str, float]:
        self.taken.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
        return {}


def test_gathered_batches_have_the_gradient_of_one_large_batch(tmp_path: Path) -> None:
    still = Augmentation(rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0)

    def taken(name: str, **changes: int) -> list[torch.Tensor]:
        model, rule = TinyTrainable(), Gradients()
        model.network[6].p = 0.0  # dropout masks are drawn for a batch
        settings = replace(SETTINGS, epochs=1, augmentation=still, **changes)
        fit(model, crop_set(), objective=rule, settings=settings, seed=0, run=tmp_path / name)
        return rule.taken

    (whole,) = taken("whole", batch=16)
    (gathered,) = taken("gathered", batch=4, accumulate=4)
    torch.testing.assert_close(gathered, whole, rtol=1e-3, atol=1e-6)
    assert len(taken("apart", batch=4)) == 4


def test_a_run_that_gathers_batches_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    settings = replace(SETTINGS, batch=4, accumulate=3)
    whole = state_after(tmp_path / "whole", settings=settings)
    resumed = state_after(tmp_path / "resumed", stops=(1, 2), settings=settings)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    alone = state_after(tmp_path / "alone", settings=replace(SETTINGS, batch=4))
    assert any(not torch.equal(value, alone[name]) for name, value in whole.items())


def test_an_objective_with_a_rule_for_gradients_says_whether_it_gathers() -> None:
    class Own(CrossEntropy):
        def backward(self, model: Detector, loss: Loss, *, run: Callable[[torch.Tensor], None]) -> None:
            run(loss.total)

    Own().gather(1)
    CrossEntropy().gather(2)
    with pytest.raises(BadInputError, match="Own cannot gather 2 batches for a step"):
        Own().gather(2)
