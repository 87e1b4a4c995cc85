"""Processes that train together, as torchrun and accelerate start them: the first one owns the folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed as dist

from facewarden.core.errors import BadInputError, FacewardenError, RunError

T = TypeVar("T")
PATIENCE = timedelta(hours=24)
"""How long the others wait for the first process, which may simulate captures meanwhile."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        index: which, from 0.
        count: how many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes: folders, checkpoints and logs are its alone."""
        return self.index == 0


def launched() -> Ranks:
    """What the launcher says, before the processes know each other; one process where there is no launcher."""
    try:
        return Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    except (KeyError, ValueError):
        return Ranks()


def ranks() -> Ranks:
    """This process among those that have joined; one process where none has."""
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return Ranks()


def join_ranks(device: str | torch.device) -> Ranks:
    """Let the processes of a launcher know each other; nothing where there is one process.

    Args:
        device: as it was asked for; "cpu" keeps all of them off the GPUs.

    Raises:
        BadInputError: a device that the launcher gave to another process.
    """
    if launched().count > 1 and ranks().count == 1:
        _state(device)
    return ranks()


def process_device(device: str | torch.device) -> torch.device | None:
    """The device that the launcher gave this process; None where there is one process.

    Raises:
        BadInputError: another kind of device was asked for.
    """
    if launched().count == 1:
        return None
    home: torch.device = _state(device).device
    if str(device) not in ("auto", home.type):
        raise BadInputError(
            f"device {str(device)!r} was asked for, but the launcher gave this process {home}", hint="--device auto"
        )
    return home


def _state(device: str | torch.device) -> Any:
    from accelerate.state import PartialState

    return PartialState(cpu=str(device) == "cpu", timeout=PATIENCE)


def by_the_first(compute: Callable[[], T]) -> T:
    """Compute in the first process and give its result, or its error, to all.

    Args:
        compute: whose result can be pickled.

    Raises:
        FacewardenError: what the first process raised.
        RunError: it failed in another way.
    """
    here = ranks()
    if here.count == 1:
        return compute()
    said: list[Any] = [None]
    if here.first:
        try:
            said = [("done", compute())]
        except FacewardenError as error:
            said = [("refused", type(error), error.message, error.hint)]
            dist.broadcast_object_list(said, src=0)
            raise
        except BaseException as error:
            said = [("failed", type(error).__name__)]
            dist.broadcast_object_list(said, src=0)
            raise
    dist.broadcast_object_list(said, src=0)
    match said[0]:
        case ("done", value):
            found: T = value
            return found
        case ("refused", kind, text, hint):
            raise kind(text, hint=hint)
    raise RunError(f"the first process failed: {said[0][1]}", hint="its own lines say why")


def joined_rows(rows: torch.Tensor) -> torch.Tensor:
    """The rows of all processes one after another, which may have different numbers of them; without gradient."""
    here = ranks()
    if here.count == 1:
        return rows
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(here.count)]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    longest = max(int(count) for count in counts)
    padded = torch.cat([rows.detach(), rows.new_zeros(longest - len(rows), *rows.shape[1:])])
    parts = [torch.empty_like(padded) for _ in range(here.count)]
    dist.all_gather(parts, padded.contiguous())
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])


def gathered(value: T) -> list[T]:
    """The value of every process, in their order; small ones, such as sums of a log."""
    here = ranks()
    if here.count == 1:
        return [value]
    parts: list[Any] = [None] * here.count
    dist.all_gather_object(parts, value)
    return parts
