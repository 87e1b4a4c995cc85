"""Micro-batching: samples of several requests go through a network together, and no sample waits without a bound."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from facewarden.service.metrics import Metrics
from facewarden.service.problems import Problem
from facewarden.service.settings import Batching

T = TypeVar("T")
R = TypeVar("R")
_SMOOTH = 0.2
_LONGEST_RETRY = 60


class Room:
    """Room for samples that are accepted and not answered yet: back-pressure for all routes together.

    Args:
        most: samples.
        metrics: told how many there are.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self.held = 0
        self._metrics = metrics
        self._each = 0.05  # seconds a sample, smoothed over the last requests

    @contextmanager
    def take(self, count: int) -> Iterator[None]:
        """Hold room for some samples inside the block.

        Raises:
            Problem: 429 where there is none left.
        """
        if self.held and self.held + count > self.most:
            again = min(max(1, math.ceil(self.held * self._each)), _LONGEST_RETRY)
            raise Problem(
                429, "busy", f"{self.held} samples wait already", hint="wait as Retry-After says", retry_after=again
            )
        self.held += count
        self._metrics.waiting.set(self.held)
        started, before = time.monotonic(), self.held
        try:
            yield
        finally:
            self.held -= count
            self._metrics.waiting.set(self.held)
            self._each += _SMOOTH * ((time.monotonic() - started) / max(before, 1) - self._each)


@dataclass(eq=False)
class _Waiting(Generic[T, R]):
    item: T
    answer: asyncio.Future[R]
    since: float


class Batcher(Generic[T, R]):
    """Collects samples and computes them in batches, one batch at a time.

    While a batch is computed, samples collect for the next one. A batch that is not full waits for at most `linger`
    seconds, and only while other requests have announced samples whose pictures are still being read.

    Args:
        work: computes some samples, in their order.
        name: of the model, for metrics.
        settings: sizes and waiting.
        pool: where `work` runs.
        metrics: told of batches.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        name: str,
        settings: Batching,
        pool: Executor,
        metrics: Metrics,
    ) -> None:
        self._work = work
        self._name = name
        self._settings = settings
        self._pool = pool
        self._metrics = metrics
        self._queue: deque[_Waiting[T, R]] = deque()
        self._announced = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def announced(self, count: int) -> Iterator[None]:
        """Say inside the block that samples are on their way; leave it when they are given to `compute`."""
        self._announced += count
        try:
            yield
        finally:
            self._announced -= count
            self._wake.set()

    async def compute(self, items: Sequence[T]) -> list[R]:
        """Compute some samples, together with those of other requests; results are in their order.

        Raises:
            Exception: whatever `work` raised.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        loop, now = asyncio.get_running_loop(), time.monotonic()
        mine: list[_Waiting[T, R]] = [_Waiting(item, loop.create_future(), now) for item in items]
        self._queue.extend(mine)
        self._wake.set()
        try:
            return list(await asyncio.gather(*(one.answer for one in mine)))
        except BaseException:  # whoever asked is gone, or one sample failed: the others are not computed for nobody
            for one in mine:
                with suppress(ValueError):
                    self._queue.remove(one)
                if one.answer.done() and not one.answer.cancelled():
                    one.answer.exception()
                else:
                    one.answer.cancel()
            raise

    async def stop(self) -> None:
        """End the loop; samples that wait are computed before."""
        while self._queue:
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            await self._lingered()
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), self._settings.largest))]
            batch = [one for one in taken if not one.answer.done()]
            if not batch:
                continue
            started = time.monotonic()
            for one in batch:
                self._metrics.wait_seconds.labels(self._name).observe(started - one.since)
            try:
                found = await loop.run_in_executor(self._pool, self._work, [one.item for one in batch])
            except Exception as error:
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            finally:
                self._metrics.batch.labels(self._name).observe(len(batch))
                self._metrics.model_seconds.labels(self._name).observe(time.monotonic() - started)
            for one, result in zip(batch, found, strict=True):
                if not one.answer.done():
                    one.answer.set_result(result)

    async def _lingered(self) -> None:
        """Wait for announced samples, at most `linger` seconds after the oldest one came."""
        while self._announced and len(self._queue) < self._settings.largest:
            left = self._queue[0].since + self._settings.linger - time.monotonic() if self._queue else 0.0
            if left <= 0:
                return
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
