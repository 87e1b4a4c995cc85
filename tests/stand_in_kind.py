"""A kind of plan for tests: cells that draw numbers, sleep, fail or end their process as their settings say."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facewarden.core.errors import BadInputError
from facewarden.core.settings import NotNegative, read_settings
from facewarden.experiments.engine.kind import (
    CellResult,
    PlanCell,
    PlanKind,
    Summary,
    shared_folder,
)
from facewarden.reporting.document import Figure, Table


@dataclass(frozen=True)
class DrawSettings:
    """Settings of the plan: seeds, seconds of sleep, what goes wrong by seed, and which seeds come before one."""

    seeds: tuple[int, ...]
    sleep: NotNegative = 0.0
    bad: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


class Draws(PlanKind):
    """Every cell sums numbers drawn from its seed, scaled by what the cells share."""

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        (root / "shared").mkdir(exist_ok=True)
        (root / "shared" / "scale.txt").write_text("3.0")

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        plan = read_settings(DrawSettings, settings)
        return [
            PlanCell(
                f"seed {seed}",
                {"seed": seed, "sleep": plan.sleep, "bad": plan.bad.get(str(seed), "")},
                needs=tuple(f"seed {need}" for need in plan.after.get(str(seed), ())),
            )
            for seed in plan.seeds
        ]

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        with (folder.parent.parent / "calls.txt").open("a") as file:
            file.write(f"{cell.name}\n")
        time.sleep(float(cell.settings["sleep"]))
        match cell.settings["bad"]:
            case "raise":
                raise ValueError("a defect")
            case "input":
                raise BadInputError("photo.png is missing", hint="facewarden fetch")
            case "nan":
                return {"value": float("nan")}
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        scale = float((shared_folder(folder) / "scale.txt").read_text())
        draws = np.random.default_rng(cell.settings["seed"]).random(1000)
        return {"value": scale * float(draws.sum()), "threads": torch.get_num_threads()}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        rows = tuple((result.cell.name, float(result.value["value"])) for result in results)
        data = {
            "rows": [
                {"name": n.replace("seed", "s"), "value": v / 2000, "low": None, "high": None, "n": 1000}
                for n, v in rows
            ]
        }
        return Summary(
            "Sums & draws",
            (f"{len(rows)} seeds",),
            (Table("Sums_of draws", ("cell", "50 % sum"), rows, note="a|b"),),
            (Figure("bars", "Sums", data, alt="sums by seed"),),
            simulated=True,
        )


entry = Draws


def die(*_: object) -> None:
    """End the process at once, as a lack of memory does."""
    os._exit(9)
