"""Samples of several requests share a batch, none waits without a bound, and too many are told when to come again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from facewarden.pad.multi_cnn import MultiCnn
from facewarden.service.metrics import Metrics
from facewarden.service.models.batcher import Batcher, Room
from facewarden.service.problems import Problem
from facewarden.service.settings import Batching, RequestLimits
from served import sample, served, settings_in, wait_until


class Doubling:
    """Work that can be held up, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.go.wait(120)
        self.batches.append(list(items))
        if -1 in items:
            raise ValueError("a defect")
        return [2 * one for one in items]


def batcher(work: Doubling, pool: ThreadPoolExecutor, **settings: Any) -> Batcher[int, int]:
    return Batcher(work, name="double", settings=Batching(**settings), pool=pool, metrics=Metrics())


def test_requests_that_come_while_a_batch_is_computed_share_the_next_one() -> None:
    work = Doubling()

    async def run(pool: ThreadPoolExecutor) -> list[list[int]]:
        made = batcher(work, pool, largest=5)
        work.go.clear()
        asked = [asyncio.create_task(made.compute([number, number + 10])) for number in range(4)]
        await asyncio.sleep(0.05)
        work.go.set()
        found = await asyncio.gather(*asked)
        await made.stop()
        return list(found)

    with ThreadPoolExecutor(1) as pool:
        found = asyncio.run(run(pool))
    assert found == [[0, 20], [2, 22], [4, 24], [6, 26]]
    assert [len(one) for one in work.batches] == [5, 3]


def test_a_batch_waits_for_announced_samples_and_no_longer_than_its_bound() -> None:
    work = Doubling()

    async def run(pool: ThreadPoolExecutor) -> tuple[float, float]:
        made = batcher(work, pool, largest=8, linger=0.2)
        began = time.monotonic()
        await made.compute([1])
        alone = time.monotonic() - began
        began = time.monotonic()
        with made.announced(3):  # these never come
            await made.compute([2])
        waited = time.monotonic() - began
        first = asyncio.create_task(made.compute([3]))
        with made.announced(1):
            await asyncio.sleep(0.05)
        await asyncio.gather(first, made.compute([4]))
        await made.stop()
        return alone, waited

    with ThreadPoolExecutor(1) as pool:
        alone, waited = asyncio.run(run(pool))
    assert waited >= 0.19
    assert alone < waited
    assert work.batches == [[1], [2], [3, 4]]


def test_a_defect_reaches_whoever_asked_and_a_request_that_was_left_is_not_computed() -> None:
    work = Doubling()

    async def run(pool: ThreadPoolExecutor) -> list[int]:
        made = batcher(work, pool, largest=1)
        with pytest.raises(ValueError, match="a defect"):
            await made.compute([-1])
        work.go.clear()
        first, second = asyncio.create_task(made.compute([1])), asyncio.create_task(made.compute([5, 6]))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.01)
        work.go.set()
        found = await first
        with pytest.raises(asyncio.CancelledError):
            await second
        await made.stop()
        return found

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(run(pool)) == [2]
    assert [5] not in work.batches
    assert [6] not in work.batches


def test_room_is_refused_when_it_is_taken_and_free_again_afterwards() -> None:
    room = Room(4, Metrics())
    with room.take(9):  # alone, even a large request is answered
        with pytest.raises(Problem) as caught, room.take(1):
            pass
        assert caught.value.status == 429
        assert (caught.value.retry_after or 0) >= 1
    with room.take(3), room.take(1):
        assert room.held == 4
    assert room.held == 0


def test_a_service_that_is_busy_says_when_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    plain = MultiCnn.predict

    def held_up(self: MultiCnn, batch: Any) -> Any:
        go.wait(120)
        return plain(self, batch)

    monkeypatch.setattr(MultiCnn, "predict", held_up)
    limits = RequestLimits(waiting=4, requests=3)
    body = {"samples": [sample(seed, key=f"{seed}") for seed in range(2)]}
    with served(settings_in(tmp_path, limits=limits)) as made, ThreadPoolExecutor(8) as pool:
        url = f"{made.url}/v1/score"
        first = [pool.submit(httpx.post, url, json=body, timeout=120) for _ in range(2)]
        wait_until(lambda: made.service.room.held == 4)
        refused = httpx.post(url, json=body, timeout=120)
        assert (refused.status_code, refused.json()["error"]) == (429, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        assert httpx.get(f"{made.url}/health/live", timeout=120).status_code == 200
        text = httpx.get(f"{made.url}/metrics", timeout=120).text
        assert "facewarden_waiting_samples 4.0" in text
        assert 'facewarden_refused_total{reason="busy"} 1.0' in text
        go.set()
        assert [one.result().status_code for one in first] == [200, 200]
        assert httpx.post(url, json=body, timeout=120).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up_and_the_service_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    plain = MultiCnn.predict

    def held_up(self: MultiCnn, batch: Any) -> Any:
        go.wait(120)
        return plain(self, batch)

    monkeypatch.setattr(MultiCnn, "predict", held_up)
    with served(settings_in(tmp_path, limits=RequestLimits(seconds=0.5))) as made:
        url = f"{made.url}/v1/score"
        found = httpx.post(url, json={"samples": [sample()]}, timeout=120)
        assert (found.status_code, found.json()["error"]) == (503, "time")
        go.set()
        wait_until(lambda: httpx.post(url, json={"samples": [sample()]}, timeout=120).status_code == 200)
        assert made.service.room.held == 0
