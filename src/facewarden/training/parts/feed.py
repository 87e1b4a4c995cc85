"""The batches of a training: prepared by worker processes, copied while the device computes, changed on the device."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.processes import end_with_parent
from facewarden.training.augment import Draws, apply_changes, draw_changes
from facewarden.training.crops import CropSet
from facewarden.training.objectives.parts.whole_set import WholeSet
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.parts.ranks import Ranks
from facewarden.training.parts.tensors import with_tensors
from facewarden.training.sampling import balanced_epoch
from facewarden.training.tokens.drawn_views import Views

_MOST_WORKERS = 8
_AHEAD = 2


@runtime_checkable
class FeedSettings(Protocol):
    """What a feed needs of the settings of a training."""

    @property
    def batch(self) -> int:
        """Samples per step, over all processes."""

    @property
    def augmentation(self) -> Augmentation:
        """Strength of the changes."""

    @property
    def views(self) -> Views:
        """What a step sees: crops with these changes, or sensor views of the captures."""


@dataclass(frozen=True, eq=False)
class PreparedBatch:
    """A batch as a worker prepares it: bytes, and what was drawn for them.

    Attributes:
        images: modality -> `(b, c, s, s)` uint8.
        named: keys, species, subjects and domains.
        label: `(b,)`.
        tasks: further targets by head.
        drawn: what changes it.
    """

    images: dict[Modality, Tensor]
    named: dict[str, tuple[str, ...]]
    label: Tensor
    tasks: dict[str, Tensor]
    drawn: Draws

    def pin_memory(self) -> PreparedBatch:
        """The batch in memory from which a GPU copies without waiting."""
        return with_tensors(self, lambda tensor: tensor.pin_memory())

    def on(self, device: torch.device) -> FaceBatch:
        """The changed batch on a device."""
        here = with_tensors(self, lambda tensor: tensor.to(device, non_blocking=True))
        images = {name: image.float() / 255 for name, image in here.images.items()}
        plain = FaceBatch(images=images, label=here.label, tasks=here.tasks, **here.named)  # type: ignore[arg-type]
        return apply_changes(plain, here.drawn)


@dataclass(frozen=True, eq=False)
class SeenBatch:
    """A batch that needs no further change.

    Attributes:
        batch: as the step sees it.
    """

    batch: FaceBatch

    def pin_memory(self) -> SeenBatch:
        """The batch in memory from which a GPU copies without waiting."""
        return with_tensors(self, lambda tensor: tensor.pin_memory())

    def on(self, device: torch.device) -> FaceBatch:
        """The batch on a device."""
        return self.batch.to(device)


class StepSet(Dataset["PreparedBatch | SeenBatch"]):
    """The batches of a training by their step; every process of several has its share of each.

    Args:
        source: the crops.
        settings: batch and changes.
        size: side of the view.
        seed: of every draw.
        ranks: this process.
    """

    def __init__(self, source: CropSet, settings: FeedSettings, *, size: int, seed: int, ranks: Ranks) -> None:
        self.source, self.settings, self.size, self.seed, self.ranks = source, settings, size, seed, ranks
        self.per_epoch = -(-len(source) // settings.batch)
        self._order = lru_cache(maxsize=2)(self._order_of)

    def __getitem__(self, step: int) -> PreparedBatch | SeenBatch:
        """The share of this process of one step."""
        epoch, number = divmod(step, self.per_epoch)
        batch = self.settings.batch
        rows = self._order(epoch)[number * batch : (number + 1) * batch].tolist()
        mine = slice(self.ranks.index, None, self.ranks.count)
        # the keys are those of the whole step: what is drawn for a sample depends on no number of processes
        keys, rows = self.source.keys_of(rows)[mine], rows[mine]
        index = torch.tensor(rows, dtype=torch.long)
        held = self.source
        if self.settings.views == "sensor":
            drop = self.settings.augmentation.drop
            return SeenBatch(held.seen(rows, keys=keys, size=self.size, drop=drop, seed=self.seed, epoch=epoch))
        modalities = [name for name in MODALITIES if name in held.images]
        stored = held.pixels(rows)
        images = {name: stored[name] for name in modalities}
        drawn = draw_changes(
            keys, modalities, present={name: here[index] for name, here in held.present.items()},
            side=next(iter(images.values())).shape[-1], size=self.size, settings=self.settings.augmentation,
            seed=self.seed, epoch=epoch,
        )  # fmt: skip
        named = {name: tuple(getattr(held, name)[row] for row in rows) for name in ("species", "subject", "domain")}
        return PreparedBatch(
            images, {"key": keys, **named}, held.label[index],
            {head: target[index] for head, target in held.tasks.items()}, drawn,
        )  # fmt: skip

    def _order_of(self, epoch: int) -> NDArray[np.int64]:
        count = self.per_epoch * self.settings.batch
        return balanced_epoch(self.source.label.tolist(), self.source.domain, count=count, seed=self.seed, epoch=epoch)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_order"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._order = lru_cache(maxsize=2)(self._order_of)


class Feed:
    """Batches on the device, in the order of the steps, and how long the training waited for them.

    Args:
        steps: the batches.
        device: where they are needed.
        workers: processes that prepare them; None for as many as suit the device, 0 for this one.

    Attributes:
        waited: seconds of waiting since the last call of `take_waited`.
    """

    def __init__(self, steps: StepSet, *, device: torch.device, workers: int | None) -> None:
        if workers is not None and workers < 0:
            raise BadInputError(f"{workers} workers", hint="--workers 0, or more")
        self.steps, self.device = steps, device
        self.workers = workers_for(device) if workers is None else workers
        self.waited = 0.0

    def batches(self, first: int, last: int) -> Iterator[FaceBatch]:
        """The batches of the steps from `first` to before `last`."""
        prepared = self.prepared(first, last)
        if self.device.type != "cuda":
            for batch in prepared:
                started = time.perf_counter()
                ready = batch.on(self.device)
                self.waited += time.perf_counter() - started
                yield ready
            return
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        waiting: FaceBatch | None = None
        for batch in prepared:
            with torch.cuda.stream(side):
                coming = batch.on(self.device)
            if waiting is not None:
                yield waiting
            torch.cuda.current_stream(self.device).wait_stream(side)
            for tensor in _tensors(coming):
                tensor.record_stream(torch.cuda.current_stream(self.device))
            waiting = coming
        if waiting is not None:
            yield waiting

    def take_waited(self) -> float:
        """Seconds of waiting since the last call."""
        waited, self.waited = self.waited, 0.0
        return waited

    def prepared(self, first: int, last: int) -> Iterator[PreparedBatch | SeenBatch]:
        """The same batches as the workers prepare them, still on the CPU."""
        loader = iter(
            DataLoader(
                self.steps, batch_size=None, sampler=range(first, last), num_workers=self.workers,
                pin_memory=self.device.type == "cuda", prefetch_factor=_AHEAD if self.workers else None,
                worker_init_fn=_begin if self.workers else None,
                multiprocessing_context="fork" if self.workers else None,  # shares the crops without a copy
            )
        )  # fmt: skip
        while True:
            started = time.perf_counter()
            try:
                batch = next(loader)
            except StopIteration:
                return
            self.waited += time.perf_counter() - started
            yield batch


class StillBatches(WholeSet):
    """All samples once, unchanged: the central view of every crop, prepared when it is asked for.

    Args:
        source: the crops.
        size: side of the view.
        batch: samples of a batch.
        device: where they are needed.
    """

    def __init__(self, source: CropSet, *, size: int, batch: int, device: torch.device) -> None:
        self.source, self.size, self.batch, self.device = source, size, batch, device

    def __len__(self) -> int:
        return -(-len(self.source) // self.batch)

    @overload
    def __getitem__(self, number: int) -> FaceBatch: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[FaceBatch]: ...
    def __getitem__(self, number: int | slice) -> FaceBatch | Sequence[FaceBatch]:
        """One batch, or some."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        rows = range(number * self.batch, min((number + 1) * self.batch, len(self.source)))
        return self.source.unchanged(rows, size=self.size).to(self.device)


def workers_for(device: torch.device) -> int:
    """How many processes prepare batches: none where they would take the cores that compute."""
    if device.type == "cpu":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(_MOST_WORKERS, cores // beside - 1))


def _begin(_: int) -> None:
    end_with_parent()


def _tensors(batch: FaceBatch) -> Iterator[Tensor]:
    yield from (*batch.images.values(), *batch.present.values(), *batch.tasks.values())
    if batch.label is not None:
        yield batch.label
