"""Attacks in several processes: the same rows for any number of them, and models of a user stay in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compute.threads import one_thread
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.run import RunFolder
from facewarden.core.threat import ThreatModel
from facewarden.evaluation import attack_ahead as module
from facewarden.evaluation.attack_ahead import AttackTask, attack_ahead
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, attack_cell, run_grid
from facewarden.evaluation.decisions import correct_batches


class Own(Detector):
    """A detector of a user, whose class other processes cannot import."""

    card = Card("own", "own", "pad")
    modalities = ("rgb",)

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(batch.images["rgb"].mean(dim=(1, 2, 3)) - 0.5)


def captures(count: int) -> FaceBatch:
    images = torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(count))
    box = torch.tensor([[8.0, 8.0, 56.0, 56.0]]).repeat(count, 1)
    keys = tuple(f"{count} {place}" for place in range(count))
    return FaceBatch(images={"rgb": images}, key=keys, box=box, label=torch.arange(count) % 2, subject=keys,
                     species=("print_flat",) * count)  # fmt: skip


def tasks(detector: Detector) -> list[AttackTask]:
    batches = correct_batches([captures(6), captures(5)], detector, threshold=0.0)
    setting = AttackSetup(detector, detector, 0.0, 0.0, batches, seed=3)
    pgd = load("attacks", "pgd")(steps=3)
    cells = [AttackRun("pgd", pgd, ThreatModel(eps=gray / 255)) for gray in (1, 2)]
    return [AttackTask(cell.stage, setting, cell) for cell in cells]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_rows_are_those_of_one_process(workers: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = tasks(resolve_detector("color_cnn"))
    run = RunFolder(tmp_path / "run", recipe={})
    attack_ahead(asked, run, workers=workers)
    assert not caplog.messages, "the processes could not be used"
    with one_thread():
        wanted = [attack_cell(task.setting, task.cell) for task in asked]
    assert wanted[0]["key"], "nothing was attacked"
    assert [run.stage(task.stage, lambda: pytest.fail("not kept")) for task in asked] == wanted
    run_grid(asked[0].setting, [task.cell for task in asked], run)  # reads what is there
    attack_ahead(asked, run, workers=workers)  # and nothing is left to do


def test_a_model_of_a_user_stays_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "stream", lambda *_, **__: pytest.fail("it was sent away"))
    run = RunFolder(tmp_path / "run", recipe={})
    asked = tasks(Own())
    attack_ahead(asked, run, workers=2)
    assert not any(run.holds(task.stage) for task in asked)
    attack_ahead(tasks(resolve_detector("color_cnn")), run, workers=2, asked=(Own(),))
    assert not any(run.holds(task.stage) for task in asked)
