"""How fast a training is: samples a second, the share of the time that it waits for data, memory of the GPU."""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from facewarden.core.files import write_text
from facewarden.training.parts.feed import Feed

SPEED = "speed.jsonl"
_LOG = logging.getLogger("facewarden")


class SpeedLog:
    """A line for every epoch, beside the log of the losses, which is the same however fast a training was.

    Args:
        path: the file; lines of an earlier call stay.
        feed: whose waiting is told.
        processes: that train together.
    """

    def __init__(self, path: Path, feed: Feed, *, processes: int) -> None:
        self.path, self.feed, self.processes = path, feed, processes
        self.lines: list[dict[str, Any]] = []
        with suppress(OSError, ValueError):
            self.lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        self._started = time.perf_counter()

    def begin(self) -> None:
        """Begin an epoch."""
        self.feed.take_waited()
        if self.feed.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.feed.device)
        self._started = time.perf_counter()

    def end(self, epoch: int, *, samples: int) -> None:
        """Note an epoch.

        Args:
            epoch: which, from 1.
            samples: that all processes have learned from.
        """
        seconds = max(time.perf_counter() - self._started, 1e-9)
        line: dict[str, Any] = {
            "epoch": epoch, "seconds": round(seconds, 3), "samples_per_second": round(samples / seconds, 2),
            "data_wait": round(self.feed.take_waited() / seconds, 4), "workers": self.feed.workers,
            "processes": self.processes, "device": str(self.feed.device),
        }  # fmt: skip
        if self.feed.device.type == "cuda":
            line["gpu_memory_gib"] = round(torch.cuda.max_memory_allocated(self.feed.device) / 2**30, 3)
        self.lines = [held for held in self.lines if held.get("epoch") != epoch] + [line]
        _LOG.debug("epoch %d: %s", epoch, line)

    def write(self) -> None:
        """Write the lines.

        Raises:
            OSError: they cannot be written.
        """
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))
