"""Jobs for worker processes: importable, so that workers find their classes."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError


@dataclass(frozen=True)
class Tells:
    """Gives back an item with what the worker knows."""

    logs: str = ""

    def open(self) -> Callable[[int], list[dict[str, Any]]]:
        logging.getLogger("facewarden").warning("said while the job is opened")
        return self.tell

    def tell(self, item: int) -> list[dict[str, Any]]:
        if self.logs:
            logging.getLogger("facewarden").warning(self.logs)
        time.sleep(0.02 * (item % 3))  # later items are ready first
        return [{
            "item": item, "pid": os.getpid(), "threads": torch.get_num_threads(), "folder": str(Path.cwd()),
            "precision": placement().precision, "variable": os.environ.get("FACEWARDEN_TEST_WORKERS"),
        }]  # fmt: skip


@dataclass(frozen=True)
class Fails:
    """Raises at one item: an error of ours that a full disk caused, or any other, or ends its process."""

    at: int
    how: str = "disk"

    def open(self) -> Callable[[int], Iterator[int]]:
        return self.work

    def work(self, item: int) -> Iterator[int]:
        yield item
        if item != self.at:
            return
        if self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "defect":
            raise KeyError("a defect")
        raise BadInputError("x.png: cannot be written", hint="free space") from OSError(28, "No space left on device")


@dataclass(frozen=True)
class Sleeps:
    """Says who works and then works for long."""

    folder: Path

    def open(self) -> Callable[[int], Iterator[int]]:
        return self.work

    def work(self, item: int) -> Iterator[int]:
        (self.folder / str(os.getpid())).touch()
        time.sleep(60)
        yield item
