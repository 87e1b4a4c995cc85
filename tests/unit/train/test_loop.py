"""The loop: it learns, a killed run ends with the same bits, and its settings and checkpoints are checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.train.augment import Augmentation
from facewarden.train.crops import CropSet
from facewarden.train.loop import CHECKPOINTS, LOG, TrainSettings, fit
from facewarden.train.objectives._base import Loss
from facewarden.train.objectives.cross_entropy import CrossEntropy
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


class TinyTrainable(Detector):
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


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 1}, {"every": 0}, {"margin": 0.5}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadInputError, match="cannot train"):
        TrainSettings(**wrong)
