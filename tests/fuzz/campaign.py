"""Hand the inputs of the fuzz corpus to a worker, watch its time, and count what became of them."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fuzz.case import Outcome, family_of
from fuzz.worker import families

SIZES = {
    "pictures": 10_000,
    "tables": 1_000,
    "plans, cards, recipes": 1_000,
    "arrays": 500,
    "networks": 500,
    "servers": 200,
}
"""Inputs of each kind."""
SECONDS, MEBIBYTES = 20.0, 2048.0
"""What one input may take."""
PATIENCE = 90.0
"""Seconds on the clock after which a worker is killed; the machine may be shared, and inputs are made in them too."""
GOOD = ("read", "refused")


def numbers(share: float) -> Iterator[tuple[str, int]]:
    """The inputs of a share of the corpus: the first ones of every kind, at least one of every generator."""
    for kind, size in SIZES.items():
        yield from ((kind, number) for number in range(max(round(size * share), len(families(kind)))))


def run(inputs: Iterable[tuple[str, int]], *, seed: int, keep: Path | None = None) -> Iterator[Outcome]:
    """Make and read inputs one after the other in a process that is replaced when it dies.

    Args:
        inputs: kind and number of each.
        seed: of the corpus.
        keep: folder that the inputs are copied to.
    """
    worker = _started()
    try:
        for kind, number in inputs:
            asked = {"kind": kind, "number": number, "seed": seed, "keep": None if keep is None else str(keep)}
            answer = _ask(worker, json.dumps(asked))
            if isinstance(answer, str):
                yield Outcome(kind, number, family_of(families(kind), number), "crash", answer, PATIENCE, 0.0)
                _stop(worker)
                worker = _started()
            else:
                yield Outcome(**answer)
    finally:
        _stop(worker)


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("worker.py"))]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )


def _ask(worker: subprocess.Popen[str], line: str) -> dict[str, Any] | str:
    """The answer of a worker, or in words why there is none."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(line + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return f"the process ended with {worker.wait()}"
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        if not selector.select(PATIENCE):
            return f"no end within {PATIENCE:.0f} s"
    text = worker.stdout.readline()
    if not text:
        return f"the process ended with {worker.wait()}"
    found: dict[str, Any] = json.loads(text)
    return found


def _stop(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue


def findings(outcomes: Sequence[Outcome]) -> list[str]:
    """What must not be: one sentence for each input that crashed, was lost, or took too much."""
    found = []
    for one in outcomes:
        told = f"{one.kind} {one.number} ({one.family})"
        if one.result not in GOOD:
            found.append(f"{told}: {one.result}: {one.text}")
        if one.seconds > SECONDS:
            found.append(f"{told}: {one.seconds} s: {one.text}")
        if one.mebibytes > MEBIBYTES:
            found.append(f"{told}: {one.mebibytes} MiB: {one.text}")
    return found


def counted(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row for each kind of input, and in it one for each generator."""
    rows = []
    for kind in SIZES:
        of_kind = [one for one in outcomes if one.kind == kind]
        if of_kind:
            names = dict.fromkeys(one.family for one in of_kind)
            inner = {name: _row([one for one in of_kind if one.family == name]) for name in names}
            rows.append({"kind": kind, **_row(of_kind), "generators": inner})
    return rows


def _row(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counts = Counter(one.result for one in outcomes)
    return {
        "inputs": len(outcomes),
        "read": counts["read"],
        "refused": counts["refused"],
        "crashes": counts["crash"],
        "dropped": counts["dropped"],
        "unnamed": counts["unnamed"],
        "wrong": counts["wrong"],
        "over_20_s": sum(one.seconds > SECONDS for one in outcomes),
        "over_2_gib": sum(one.mebibytes > MEBIBYTES for one in outcomes),
        "slowest_s": max(one.seconds for one in outcomes),
        "largest_mib": max(one.mebibytes for one in outcomes),
    }
