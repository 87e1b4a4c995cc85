"""Where the worker processes of a plan compute: each on a GPU of its own, with its share of the cores beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch

from facewarden.core.compute.computing import Placement, placement
from facewarden.core.compute.device import available_devices


@dataclass(frozen=True)
class WorkerPlace:
    """What one worker process has.

    Attributes:
        asked: its device and precision.
        threads: of torch.
    """

    asked: Placement
    threads: int


def places_for(workers: int) -> tuple[WorkerPlace, ...]:
    """The places of worker processes, on the device and in the precision of the call.

    On a GPU each has one of its own as far as there are GPUs, and the cores are shared out: threads change no number
    there. On the CPU each has one thread, as one process alone has, so that numbers do not depend on the workers.

    Args:
        workers: how many.
    """
    asked = placement()
    home = torch.device(asked.device)
    if home.type == "cpu":
        return (WorkerPlace(asked, 1),) * workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores // workers)
    gpus = [name for name in available_devices() if name.startswith(f"{home.type}:")]
    if home.index is not None or not gpus:  # one was named, or this kind has no numbers
        return (WorkerPlace(asked, threads),) * workers
    return tuple(WorkerPlace(replace(asked, device=gpus[slot % len(gpus)]), threads) for slot in range(workers))
