"""Streams through worker processes: order, bounds, what a worker inherits, errors with their causes, no orphans."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from facewarden.cli.parts.endings import is_full
from facewarden.core.compute import stream as module
from facewarden.core.compute.computing import computing
from facewarden.core.compute.stream import chunks, cores, count_workers, stream
from facewarden.core.errors import BadInputError
from stand_in_jobs import Fails, Tells

TESTS = Path(__file__).parents[3]


def test_results_come_in_order_and_few_items_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEWARDEN_TEST_WORKERS", "as here")
    taken = []

    def items() -> Iterator[int]:
        for item in range(14):
            taken.append(item)
            yield item

    with computing("cpu", "float32"), caplog.at_level(logging.WARNING, "facewarden"):
        answers = []
        for answer in stream(Tells("a photo is odd"), items(), workers=2):
            answers.append(answer)
            assert len(taken) <= len(answers) + 4
    assert [answer["item"] for answer in answers] == list(range(14))
    assert 1 <= len({answer["pid"] for answer in answers} - {os.getpid()}) <= 2
    assert {(answer["threads"], answer["folder"], answer["precision"], answer["variable"]) for answer in answers} == {
        (1, str(tmp_path), "float32", "as here")
    }
    assert [record.message for record in caplog.records] == ["a photo is odd"]  # once, and not what opening says


def test_one_worker_is_this_process_with_one_thread() -> None:
    before = torch.get_num_threads()
    answers = list(stream(Tells(), range(3), workers=1))
    assert {(answer["pid"], answer["threads"]) for answer in answers} == {(os.getpid(), 1)}
    assert torch.get_num_threads() == before
    opened: list[int] = []
    assert list(stream(Tells(), [4, 5], workers=1, here=lambda item: opened.append(item) or (item, -item))) == [
        4,
        -4,
        5,
        -5,
    ]
    assert opened == [4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_arrive_with_their_causes(workers: int) -> None:
    done = []
    with pytest.raises(BadInputError, match="cannot be written") as caught:
        done.extend(stream(Fails(at=3), range(9), workers=workers))
    assert caught.value.hint == "free space"
    assert done == [0, 1, 2, 3]  # what was done of an item before it failed counts
    assert is_full(caught.value)  # so the exit code is that of a full disk
    with pytest.raises(KeyError, match="a defect"):
        list(stream(Fails(at=0, how="defect"), range(2), workers=workers))


def test_a_worker_that_is_ended_is_told() -> None:
    with pytest.raises(BadInputError, match="ended by the system") as caught:
        list(stream(Fails(at=5, how="dies"), range(9), workers=2))
    assert "fewer --workers" in caught.value.hint


@dataclass(frozen=True)
class _Local:
    made: object

    def open(self) -> object:
        return self.made


def test_what_cannot_travel_is_done_here(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "facewarden"):
        assert list(stream(_Local(lambda item: [item + 1]), range(3), workers=2)) == [1, 2, 3]  # type: ignore[arg-type]
    assert "working in one process" in caplog.text


def test_where_no_process_starts_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(*_: object, **__: object) -> object:
        raise OSError("no more processes")

    monkeypatch.setattr(module, "worker_pool", refuses)
    with caplog.at_level(logging.WARNING, "facewarden"):
        assert [answer["item"] for answer in stream(Tells(), range(5), workers=2)] == list(range(5))
    assert "no more processes" in caplog.text


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from facewarden.core.compute.stream import stream
from stand_in_jobs import Sleeps
list(stream(Sleeps(Path({str(tmp_path)!r})), range(4), workers=2))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        ends = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < ends:
            time.sleep(0.2)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        parent.send_signal(signal.SIGKILL)
    assert len(workers) == 2
    ends = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_how_many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 4)
    assert [count_workers(0, items=items) for items in (1, 15, 16, 24, 1000)] == [1, 1, 2, 3, 4]
    assert count_workers(0, items=1000, batch=500) == 2
    assert count_workers(3, items=100) == 3
    assert count_workers(3, items=2) == 2
    for workers, batch in ((-1, 1), (1, 0)):
        with pytest.raises(BadInputError, match="workers"):
            count_workers(workers, items=5, batch=batch)
    assert list(chunks(range(5), 2)) == [(0, 1), (2, 3), (4,)]
    assert cores() >= 1
