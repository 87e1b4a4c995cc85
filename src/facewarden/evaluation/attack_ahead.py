"""Attacks of an audit in several processes: batches of all cells share the workers, and no number depends on how many.

What is finished here is read by whoever asks for the same stages afterwards, see `facewarden.core.run.RunFolder.stage`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from torch import nn

from facewarden.core.compat import ensure_torchvision
from facewarden.core.compute.device import device_of
from facewarden.core.compute.stream import count_workers, stream
from facewarden.core.processes import needs_main
from facewarden.core.progress import track
from facewarden.core.run import RunFolder
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, attack_batch, frozen, joined_rows

_KNOWN = ("facewarden", "timm", "torch", "torchvision")
"""Packages whose networks another process can read without the file or script of a user."""
_WORTH = 8
"""Batches below which one more process costs more than it gains."""


@dataclass(frozen=True, eq=False)
class AttackTask:
    """A cell of attacks, and the stage of the run that keeps what it found.

    Attributes:
        stage: its name.
        setting: detector, samples and threshold.
        cell: attack and budget.
    """

    stage: str
    setting: AttackSetup
    cell: AttackRun


@dataclass(frozen=True, eq=False)
class _AttackJob:
    tasks: tuple[AttackTask, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """Networks of timm are read only after torchvision, which may not fit torch, is made usable."""
        return _read, (pickle.dumps(self.tasks),)

    def open(self) -> Callable[[tuple[int, int]], Iterator[dict[str, Any]]]:
        def attacked(place: tuple[int, int]) -> Iterator[dict[str, Any]]:
            task = self.tasks[place[0]]
            yield attack_batch(task.setting, task.cell, task.setting.batches[place[1]])

        return attacked


def _read(tasks: bytes) -> _AttackJob:
    ensure_torchvision()
    return _AttackJob(pickle.loads(tasks))


def attack_ahead(tasks: Sequence[AttackTask], run: RunFolder, *, workers: int, asked: Sequence[nn.Module] = ()) -> None:
    """Finish the stages of attacks, each process with one thread.

    Nothing is done where a model is not one of the package on the CPU: what belongs to a user's file, to a GPU or to a
    service stays in this process, and whoever asks for the stages computes them.

    Args:
        tasks: the cells.
        run: keeps the stages.
        workers: processes; all cores when 0.
        asked: models that the judges of the tasks ask.
    """
    todo = [task for task in tasks if not run.holds(task.stage)]
    models = {id(model): model for task in todo for model in (task.setting.detector, task.setting.source)}
    if not todo or not all(map(_travels, (*models.values(), *asked))):
        return
    places = [(number, place) for number, task in enumerate(todo) for place in range(len(task.setting.batches))]
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(frozen(model))
        job = _AttackJob(tuple(todo))
        if needs_main(job):
            return
        count = count_workers(workers, items=len(places), worth=_WORTH)
        parts = iter(track(stream(job, places, workers=count), label="attacking", total=len(places), unit="batches"))
        for task in todo:
            some = list(islice(parts, len(task.setting.batches)))
            run.stage(task.stage, partial(joined_rows, task.setting, task.cell, some))


def _travels(model: nn.Module) -> bool:
    home = device_of(model)
    return (
        home is not None
        and home.type == "cpu"
        and all(type(part).__module__.partition(".")[0] in _KNOWN for part in model.modules())
    )
