"""Trainings that one process runs and two processes run together; the second half is what each of the two executes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.trainable import Trainable
from facewarden.training.loop import TrainSettings, fit
from facewarden.training.parts.ranks import join_ranks, ranks
from facewarden.training.recipe import read_recipe
from stand_ins import crop_set

TESTS = Path(__file__).parent


class Normalized(Trainable):
    """Two convolutions with batch normalization over all sensors at once."""

    card = Card(name="normalized", summary="A stand-in.", role="pad")
    modalities, optional = MODALITIES, MODALITIES
    settings: ClassVar[dict[str, Any]] = {"size": 32, "scale": 1.0}

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Conv2d(5, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, bias=False),
            nn.BatchNorm2d(8), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 1),
        )  # fmt: skip

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> Normalized:
        return cls()

    @classmethod
    def from_artifact(cls, folder: Path) -> Normalized:
        return cls()

    def predict(self, batch: FaceBatch) -> PadOutput:
        shown = [batch.images[name] * batch.present[name][:, None, None, None] for name in MODALITIES]
        return PadOutput(score=self.network(torch.cat(shown, dim=1) - 0.3)[:, 0])

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        return batch


@dataclass(frozen=True)
class Trained:
    """What a training came to: its log and its weights."""

    log: list[dict[str, Any]]
    weights: dict[str, Tensor]


def train_case(name: str, run: Path) -> Trained:
    """Two epochs of `normalized`, or of a small network by a recipe of this name."""
    common = {"epochs": 2, "batch": 8, "margin": 1.0, "precision": "float32", "accumulate": 1}
    if name == "normalized":
        model: Any = Normalized()
        objective = registry.load("objectives", "cross_entropy")()
        settings = replace(TrainSettings(), **common, ema=0.9)  # type: ignore[arg-type]
    else:
        plan = read_recipe(name)
        small = {"multi_cnn": {"backbone": "lcnet_035", "width": 8}, "mm_cdcn": {"width": 8}, "multitask": {},
                 "dadm": {"depth": 1, "width": 16}}  # fmt: skip
        shape = {**plan.model, **small.get(plan.entry, {"depth": 1}), "size": 32}
        model = registry.load("pad", plan.entry).untrained(shape, seed=0)
        for module in model.modules():
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0  # masks are drawn apart on each process
        objective = registry.load("objectives", plan.objective)(**plan.objective_settings)
        settings = replace(plan.training, **common)
    log = fit(model, crop_set(16, side=32), objective=objective, settings=settings, seed=0, run=run, device="cpu")
    return Trained(log, {key: value.clone() for key, value in model.network.state_dict().items()})


def train_in_two(names: list[str], folder: Path) -> dict[str, list[Trained]]:
    """Run cases in two processes together; what each of the two has in the end."""
    environment = two_processes(folder)
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder), *names], stderr=subprocess.PIPE, text=True,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=600)[1] for process in started]
    for process, errors in zip(started, said, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return {name: [_read(folder / f"{name}-{rank}.pt") for rank in range(2)] for name in names}


def two_processes(folder: Path) -> dict[str, str]:
    """The environment in which a launcher starts two processes on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(TESTS), *sys.path]
    return {
        **os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1",
        "LOCAL_WORLD_SIZE": "2", "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }  # fmt: skip


def _read(path: Path) -> Trained:
    weights = torch.load(path, weights_only=True)
    return Trained(json.loads(path.with_suffix(".json").read_text()), weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    join_ranks("cpu")
    rank = ranks().index
    assert ranks().count == 2
    for case in sys.argv[2:]:
        made = train_case(case, out / f"run-{case}")
        torch.save(made.weights, out / f"{case}-{rank}.pt")
        (out / f"{case}-{rank}.json").write_text(json.dumps(made.log))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
