"""Weights & Biases: offline in the run's folder unless WANDB_MODE says otherwise; wandb sync sends it later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from facewarden.core.files import write_text
from facewarden.training.trackers.parts.base import TrackedRun, Tracker

_ID = "run_id"


class Wandb(Tracker):
    """Writes settings and metrics; nothing leaves the machine unless WANDB_MODE=online is set."""

    needs = "wandb"

    def __init__(self, run: TrackedRun) -> None:
        import wandb

        known = run.folder / _ID
        number = known.read_text(encoding="utf-8") if run.first and known.is_file() else uuid4().hex[:8]
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "facewarden"),
            id=number,
            name=run.name,
            dir=str(run.folder),
            config=dict(run.settings),
            mode="online" if os.environ.get("WANDB_MODE") == "online" else "offline",
            resume="allow" if run.first else None,
            settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
        )
        write_text(known, number)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


entry = Wandb
