"""How long a training waits for its data: a stub network of a given step time, fed by the feed of `facewarden train`.

Run: nice -n 0 python benchmarks/data_wait.py --out docs/results/scale/data_wait.json

Crops of three sensors at 224 pixels, the augmentation of MMDG's recipes, batches of 48. The stub sleeps for the time of
a step, as a GPU lets the processor do, and takes what the workers prepare; what happens on the GPU afterwards (the copy
and the changes) is not part of the waiting and is measured by itself, on this processor.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import torch
from figures_json import write

from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.training.crops import CropSet
from facewarden.training.loop import TrainSettings
from facewarden.training.parts.feed import Feed, StepSet
from facewarden.training.parts.ranks import Ranks


def crops(count: int, side: int) -> CropSet:
    """Random crops of all sensors."""
    draw = torch.Generator().manual_seed(0)
    images = {
        name: torch.randint(0, 256, (count, CHANNELS[name], side, side), generator=draw, dtype=torch.uint8)
        for name in MODALITIES
    }
    return CropSet(
        images=images, present={name: torch.ones(count, dtype=torch.bool) for name in MODALITIES},
        key=tuple(map(str, range(count))), label=torch.arange(count) % 2, species=("",) * count,
        subject=tuple(map(str, range(count))), domain=("a",) * count,
    )  # fmt: skip


def used() -> float:
    """Processor seconds of this process and of the workers that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def measured(source: CropSet, settings: TrainSettings, *, size: int, workers: int, step: float, steps: int) -> Any:
    """Share of the time that the stub waits, over some steps after the first two."""
    feed = Feed(
        StepSet(source, settings, size=size, seed=0, ranks=Ranks()), device=torch.device("cpu"), workers=workers
    )
    waiting, begun, before = 0.0, time.perf_counter(), used()
    for number, _ in enumerate(feed.prepared(0, steps + 2)):
        if number == 1:
            feed.take_waited()
            begun = time.perf_counter()
        time.sleep(step)
    whole = time.perf_counter() - begun
    waiting = feed.take_waited()
    return {
        "workers": workers, "steps": steps, "data_wait": round(waiting / whole, 4),
        "processor_seconds_per_step": round((used() - before) / (steps + 2), 4),
    }  # fmt: skip


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--step", type=float, default=0.25, help="seconds of a step of the stub")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--size", type=int, default=224)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = TrainSettings(batch=asked.batch, margin=8 / 7)
    source = crops(4 * asked.batch, round(asked.size * 8 / 7))
    rows = [
        measured(source, settings, size=asked.size, workers=workers, step=asked.step, steps=asked.steps)
        for workers in (0, 1, 2)
    ]
    steps_of = StepSet(source, settings, size=asked.size, seed=0, ranks=Ranks())
    seconds = []
    for step in range(6):
        begun = time.process_time()
        prepared = steps_of[step]
        middle = time.process_time()
        prepared.on(torch.device("cpu"))
        seconds.append((middle - begun, time.process_time() - middle))
    prepare, change = (sorted(values)[len(values) // 2] for values in zip(*seconds, strict=True))
    model = [
        {
            "workers": workers,
            "step": step,
            # a pipeline: the slower of the two sets the pace
            "data_wait": round(max(0.0, prepare / workers - step) / max(step, prepare / workers), 4),
        }
        for workers in (1, 2, 4, 8, 16)
        for step in (0.06, 0.12, asked.step)
    ]
    write(asked.out, {
        "step_seconds": asked.step, "batch": asked.batch, "size": asked.size, "sensors": len(MODALITIES),
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "measured": rows,
        "prepare_seconds": round(prepare, 4), "change_seconds_on_this_processor": round(change, 4), "n": len(seconds),
        "model": model,
    })  # fmt: skip


if __name__ == "__main__":
    main()
