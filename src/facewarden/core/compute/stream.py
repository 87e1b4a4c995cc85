"""A stream of items through worker processes: results come in order, few items wait, any number gives the same bits."""

from __future__ import annotations

import logging
import os
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from facewarden.core.compute.computing import computing, placement
from facewarden.core.compute.threads import one_thread, use_one_thread
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.processes import CANNOT_START, needs_main, note_one_process, without_main, worker_pool

_LOG = logging.getLogger("facewarden")
_WAITING = 2
"""Items for each worker that are under way or done and not yet taken."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


@runtime_checkable
class Job(Protocol[Item_contra, Result_co]):
    """What a worker does, in a form that travels: names and settings, from which it opens models for itself."""

    def open(self) -> Callable[[Item_contra], Iterable[Result_co]]:
        """Make the function that gives the results of one item; called once in each worker."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_workers(asked: int, *, items: int, batch: int = 1, worth: int = 8) -> int:
    """Worker processes for so many items.

    Args:
        asked: how many; 0 takes all cores, or fewer where there is little work.
        items: how many there are.
        batch: of which so many go to a worker at a time.
        worth: items below which one more process costs more than it gains: starting one takes about a second.

    Raises:
        BadInputError: workers below 0, or a batch below 1.
    """
    if asked < 0 or batch < 1:
        raise BadInputError(f"workers {asked}, batch {batch}", hint="--workers 0 (all cores) --batch 1")
    runs = -(-items // batch)
    return max(1, min(cores(), items // worth, runs) if asked == 0 else min(asked, runs))


def chunks(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Runs of neighbors, the last one shorter."""
    left = iter(items)
    while run := tuple(islice(left, size)):
        yield run


def stream(
    job: Job[Item, Result],
    items: Iterable[Item],
    *,
    workers: int,
    here: Callable[[Item], Iterable[Result]] | None = None,
) -> Iterator[Result]:
    """Do a job for every item and yield the results, one or several of each, in the order of the items.

    Each worker computes with one thread, on the device and in the precision of the call; so does this process where it
    works alone. What workers log is logged here, each text once. They end with this process, however it ends, and at
    once when the caller stops taking results.

    Args:
        job: what is done; where it cannot travel to another process, this one does it, which is said.
        items: anything iterable; taken as they are needed.
        workers: processes; 1 works in this one.
        here: the opened job, where this process has opened it already.

    Raises:
        BadInputError: a worker was ended by the system.
        Exception: whatever the job raises, with its causes, after the results that came before it.
    """
    left = iter(items)
    if workers > 1 and needs_main(job):
        note_one_process("what was given cannot travel to other processes, or is of a class of the script itself")
    elif workers > 1:
        taken: list[Item] = []
        said: set[str] = set()
        for answer in _answers(job, left, taken, workers=workers):
            for level, text in answer.said:
                if text not in said:
                    said.add(text)
                    _LOG.log(level, "%s", text)
            yield from answer.results
            if answer.failed:
                raise _linked(answer.failed)
        left = chain(taken, left)  # what no process could be started for
    work = here
    for item in left:
        with one_thread():
            work = work or job.open()
            results = iter(work(item))
        while True:
            with one_thread():  # and not around the yield: what the caller does with a result is not ours
                some = tuple(islice(results, 1))
            if not some:
                break
            yield some[0]


@dataclass(frozen=True)
class _Answer(Generic[Result]):
    """What a worker sends back of an item: results, an error with its causes that ended them, and what it logged."""

    results: tuple[Result, ...] = ()
    failed: tuple[BaseException, ...] = ()
    said: tuple[tuple[int, str], ...] = ()


def _answers(
    job: Job[Item, Result], items: Iterator[Item], taken: list[Item], *, workers: int
) -> Iterator[_Answer[Result]]:
    """Answers in order; where no process can be started, none, and the items that were taken stay in `taken`."""
    waiting: deque[Future[_Answer[Result]]] = deque()
    begun = False
    setup = pickle.dumps((job, placement(), Path.cwd(), dict(os.environ)))
    preload = ("torch", type(job).__module__)
    try:
        with worker_pool(workers, preload=preload, initializer=_open, initargs=(setup,)) as pool:
            while True:
                for item in islice(items, _WAITING * workers - len(waiting)):
                    taken.append(item)
                    with without_main():
                        waiting.append(pool.submit(_run, item))
                if not waiting:
                    return
                answer = waiting.popleft().result()
                begun = True
                taken.pop(0)
                yield answer
    except CANNOT_START as error:
        if begun:
            raise BadInputError(
                f"a worker process was ended by the system ({type(error).__name__})",
                hint="it may lack memory: fewer --workers, or a smaller --batch; the same command goes on",
            ) from error
        note_one_process(f"the others could not be started or ended early ({type(error).__name__}: {error})")


class _Said(logging.Handler):
    """Keeps what a worker logs, for the process that prints."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append((record.levelno, record.getMessage()))


class _Worker:
    """What a worker process holds between two items."""

    where: AbstractContextManager[object]
    work: Callable[[Any], Iterable[Any]]
    said: _Said


def _open(setup: bytes) -> None:
    """Start a worker: read the job, open it, and compute with one thread from now on."""
    job, where, folder, environment = pickle.loads(setup)
    os.chdir(folder)  # the server may have been started elsewhere, and with other variables
    os.environ.update(environment)
    _Worker.said = _Said()
    _LOG.addHandler(_Worker.said)
    _LOG.propagate = False
    use_one_thread()
    _Worker.where = computing(where.device, where.precision)
    _Worker.where.__enter__()  # for the life of the process
    _Worker.work = job.open()
    use_one_thread()  # OpenCV may have come with the job
    _Worker.said.texts.clear()  # the caller has said already what resolving the models says


def _run(item: Any) -> _Answer[Any]:
    results: list[Any] = []
    failed: tuple[BaseException, ...] = ()
    try:
        for result in _Worker.work(item):
            results.append(result)
    except Exception as error:
        failed = tuple(_causes(error))
    said = tuple(_Worker.said.texts)
    _Worker.said.texts.clear()
    return _Answer(tuple(results), failed, said)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, each as it can travel: pickling an exception leaves its cause out."""
    while error is not None:
        if not isinstance(error, FacewardenError):
            error.add_note("".join(traceback.format_exception(error, chain=False)))
        try:
            yield pickle.loads(pickle.dumps(error))
        except Exception:  # of a class that says in its own way that it cannot travel
            yield RuntimeError("".join(traceback.format_exception(error, chain=False)))
        error = error.__cause__


def _linked(errors: Sequence[BaseException]) -> BaseException:
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    return errors[0]
