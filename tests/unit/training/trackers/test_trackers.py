"""Trackers write to the real local stores, and none of them can stop a training."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import facewarden
from facewarden.core.errors import BadInputError
from facewarden.training.parts.epochs import epoch_done
from facewarden.training.trackers.parts import base
from facewarden.training.trackers.parts.base import TrackedRun, Tracker, plain_settings, tracked, tracker_names
from many_captures import write_many

SETTINGS = {"entry": "multi_cnn", "training": {"epochs": 2, "rate": 0.1}, "seed": 3}


def run_of(folder: Path, *, first: int = 0) -> TrackedRun:
    return TrackedRun(folder, "model", SETTINGS, first)


def told(folder: Path, names: tuple[str, ...], *, first: int = 0, last: int = 2) -> None:
    with tracked(names, run_of(folder, first=first)):
        for epoch in range(first + 1, last + 1):
            line = {"epoch": epoch, "loss": 1.0 / epoch, "rate": 0.1, "what": "text"}
            assert epoch_done(line) is line
    epoch_done({"epoch": 9, "loss": 0.0})  # nobody listens any more


def scalars(folder: Path) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "settings/text_summary" in events.Tags()["tensors"] or "settings" in events.Tags()["tensors"]
    return {one.step: one.value for one in events.Scalars("loss")}


def test_tensorboard_reads_what_was_written_also_of_a_resumed_training(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    told(tmp_path, ("tensorboard",))
    assert scalars(tmp_path) == {1: 1.0, 2: 0.5}
    told(tmp_path, ("tensorboard",), first=1, last=3)
    assert set(scalars(tmp_path)) == {1, 2, 3}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own, of SQLAlchemy
def test_mlflow_keeps_parameters_and_metrics_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told(tmp_path, ("mlflow",))
    told(tmp_path, ("mlflow",), first=2, last=3)
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as store:
        runs = store.execute("select name, status from runs").fetchall()
        losses = dict(store.execute("select step, value from metrics where key = 'loss'"))
        rate = store.execute("select value from params where key = 'training.rate'").fetchone()
    store.close()
    assert runs == [("model", "FINISHED")]
    assert losses == {1: 1.0, 2: 0.5, 3: pytest.approx(1 / 3)}
    assert rate == ("0.1",)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of its own
def test_wandb_stays_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    told(tmp_path, ("wandb",))
    stores = list((tmp_path / "wandb" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(stores) == 1
    ends = time.monotonic() + 60  # its own process writes the last bytes after `finish` has returned
    while b"loss" not in stores[0].read_bytes():
        assert time.monotonic() < ends
        time.sleep(0.05)


class Broken(Tracker):
    """Fails at the second epoch, and at its end."""

    needs = "json"
    steps: list[int]

    def __init__(self, run: TrackedRun) -> None:
        self.steps = []
        Broken.last = self  # type: ignore[attr-defined]

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Fail."""
        self.steps.append(step)
        if step == 2:
            raise OSError("the store is full")

    def close(self) -> None:
        """Fail again."""
        raise OSError("still full")


def test_a_tracker_that_fails_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(base, "_class", lambda name: Broken)
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        told(tmp_path, ("broken",), last=4)
    assert Broken.last.steps == [1, 2]  # type: ignore[attr-defined]
    assert [record.getMessage() for record in caplog.records] == [
        "tracker broken is left out from now on: OSError: the store is full"
    ]


def test_names_and_absent_programs_are_told_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracker_names() == ("mlflow", "tensorboard", "wandb")
    with pytest.raises(BadInputError, match="did you mean tensorboard"):
        facewarden.train(out=tmp_path / "m", track=["tensorbord"])
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    with pytest.raises(BadInputError, match=r"facewarden\[tracking\]"):
        facewarden.train(out=tmp_path / "m", track=["wandb"])
    assert not (tmp_path / "m").exists()


def test_settings_become_one_level() -> None:
    assert plain_settings(SETTINGS) == {
        "entry": "multi_cnn", "training.epochs": 2, "training.rate": 0.1, "seed": 3,
    }  # fmt: skip


@pytest.mark.slow
def test_a_training_tells_its_epochs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    captures = write_many(tmp_path, count=96)
    facewarden.train("multi_cnn", out=tmp_path / "m", captures=captures, epochs=2, track=["tensorboard"], device="cpu")
    assert set(scalars(tmp_path / "m" / "run" / "tracking")) == {1, 2}
