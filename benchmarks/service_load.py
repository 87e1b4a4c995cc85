"""The service on loopback: latency and throughput beside the bare model, a long mixed load, hostile requests.

Run: python benchmarks/service.py, or by itself python benchmarks/service_load.py --out docs/results/service/load.json

The service runs in a process of its own on one core, whoever asks on another one. Latency and throughput are measured
in turn with a process that computes with the same model on the core of the service, which waits meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from figures_json import write

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from served import sample  # noqa: E402
from service_requests import counted, described_statuses, hostile_statuses  # noqa: E402

HEAVY = """
import torch

class Net(torch.nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        widths = [3, 32, 64, 128, 256, 512]
        blocks = [
            part
            for one, two in zip(widths, widths[1:])
            for part in (torch.nn.Conv2d(one, two, 3, stride=2, padding=1), torch.nn.BatchNorm2d(two), torch.nn.ReLU(),
                         torch.nn.Conv2d(two, two, 3, padding=1), torch.nn.ReLU())
        ]
        super().__init__(*blocks, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 1),
                         torch.nn.Flatten(0))
"""
CARD = {
    "name": "heavy", "summary": "ten convolutions with random weights, for their time alone", "role": "pad",
    "settings": {"size": 224, "scale": None, "mean": 127.5, "std": 127.5, "output": "logit", "order": "RGB"},
}  # fmt: skip
SIDE = 224
PARTS = ("speed", "load", "hostile", "described")


def percentile(values: list[float], share: float) -> float:
    """A percentile of seconds, in milliseconds."""
    return round(1000 * float(np.percentile(values, share)), 2)


def bare(pipe: Any, folder: str, core: int) -> None:
    """Compute with the same model: a request is how many frames, the answer how many seconds."""
    os.sched_setaffinity(0, {core})
    import torch

    from facewarden.core.batch import FaceBatch
    from facewarden.core.compute.finite import scores_of
    from facewarden.core.resolve import resolve_detector

    torch.set_num_threads(1)
    model = resolve_detector(f"{folder}/heavy.py:Net")
    frames = torch.rand(64, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pipe.send("ready")
    while (count := pipe.recv()) is not None:
        batch = FaceBatch({"rgb": frames[:count]}, tuple(map(str, range(count))),
                          box=torch.tensor([[56.0, 56.0, 168.0, 168.0]]).repeat(count, 1))  # fmt: skip
        started = time.perf_counter()
        scores_of(model, batch)
        pipe.send(time.perf_counter() - started)


@contextmanager
def service(folder: Path, core: int) -> Iterator[tuple[str, int]]:
    """The service in its own process on one core; its address and its process."""
    (folder / "heavy.py").write_text(HEAVY, encoding="utf-8")
    (folder / "heavy.json").write_text(json.dumps(CARD), encoding="utf-8")
    settings = {
        "detectors": ["multi_cnn", f"{folder}/heavy.py:Net"], "data": str(folder / "data"), "port": 0, "device": "cpu",
        "threads": 1, "limits": {"pixels": 60_000_000}, "jobs": {"waiting": 1},
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    command = ["taskset", "-c", str(core), sys.executable, "-m", "facewarden", "serve", str(folder / "settings.json")]
    with (folder / "log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stderr=log)
        try:
            url = ""
            while not url:
                assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
                time.sleep(0.2)
                lines = (folder / "log").read_text(encoding="utf-8").splitlines()
                url = next((json.loads(one)["url"] for one in lines if '"listening"' in one), "")
            while True:
                try:
                    httpx.get(f"{url}/health/ready", timeout=60).raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(60)


def speed(url: str, folder: Path, core: int, *, rounds: int) -> dict[str, Any]:
    """Latency at concurrency 1 and throughput at concurrency 16, each in turn with the bare model."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=bare, args=(there, str(folder), core), daemon=True)
    child.start()
    here.recv()

    def model(count: int) -> float:
        here.send(count)
        return float(here.recv())

    body = json.dumps({"samples": [sample(0, side=SIDE)]}).encode()
    alone, served = [], []
    with closing(_asking(url)) as client:
        for number in range(rounds + 10):
            seconds = model(1)
            started = time.perf_counter()
            _ask(client, body)
            if number >= 10:
                alone.append(seconds)
                served.append(time.perf_counter() - started)
    ratios = []
    for _ in range(max(rounds // 40, 3)):
        plain = 64 / sum(model(16) for _ in range(4))
        ratios.append(_throughput(url, body, count=64) / plain)
        del plain
    here.send(None)
    child.join(30)
    half = 1.96 * statistics.stdev(ratios) / len(ratios) ** 0.5
    extra = [1000 * (one - other) for one, other in zip(served, alone, strict=True)]
    return {
        "requests": rounds,
        "model_p50_ms": percentile(alone, 50),
        "p50_ms": percentile(served, 50),
        "p99_ms": percentile(served, 99),
        "extra_p50_ms": round(float(np.median(extra)), 2),
        "p99_over_p50": round(percentile(served, 99) / percentile(served, 50), 2),
        "model_p99_over_p50": round(percentile(alone, 99) / percentile(alone, 50), 2),
        "throughput_ratio": {
            "value": round(statistics.mean(ratios), 3), "low": round(statistics.mean(ratios) - half, 3),
            "high": round(statistics.mean(ratios) + half, 3), "n": len(ratios),
        },
    }  # fmt: skip


def _asking(url: str) -> HTTPConnection:
    """A connection that is open already. The standard library's: httpx takes milliseconds of its own."""
    client = HTTPConnection(url.removeprefix("http://"), timeout=120)
    client.connect()
    return client


def _ask(client: HTTPConnection, body: bytes) -> None:
    """One request to the model, answered."""
    client.request("POST", "/v1/score?model=heavy", body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    text = answer.read()
    assert answer.status == 200, text


def _throughput(url: str, body: bytes, *, count: int) -> float:
    """Samples a second of sixteen clients whose connections are open."""
    left = iter(range(count))
    lock = threading.Lock()
    clients = [_asking(url) for _ in range(16)]

    def work(client: HTTPConnection) -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            _ask(client, body)

    with ThreadPoolExecutor(len(clients)) as pool:
        started = time.perf_counter()
        list(pool.map(work, clients))
        seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    return count / seconds


def load(url: str, pid: int, *, seconds: float, rate: float | None) -> dict[str, Any]:
    """A bounded mix of requests of four clients, by route; and the memory of the service, warm and at the end.

    Args:
        url, pid: of the service.
        seconds: how long.
        rate: requests a second of all clients at most; None: each asks again at once.
    """
    began = time.monotonic()
    ends = began + seconds
    turns = itertools.count()
    statuses: dict[str, list[int]] = {}
    lock = threading.Lock()
    memory: list[tuple[float, int]] = []

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        with httpx.Client(base_url=url, timeout=240) as client:
            while time.monotonic() < ends:
                if rate is not None:
                    time.sleep(max(0.0, began + next(turns) / rate - time.monotonic()))
                name, answer = _one(client, rng)
                with lock:
                    statuses.setdefault(name, []).append(answer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    while any(one.is_alive() for one in threads):
        memory.append((time.monotonic() - began, _resident(pid)))
        time.sleep(2)
    warm = [size for when, size in memory if 0.2 * seconds <= when < 0.35 * seconds]
    last = [size for when, size in memory if when >= 0.85 * seconds]
    return {
        "seconds": round(seconds),
        "rate": rate,
        "routes": [{"route": route, **counted(found)} for route, found in sorted(statuses.items())],
        **counted([status for found in statuses.values() for status in found]),
        "memory_mib": {"warm": round(statistics.mean(warm) / 2**20, 1), "end": round(statistics.mean(last) / 2**20, 1)},
        "memory_growth": round(statistics.mean(last) / statistics.mean(warm) - 1, 4),
    }


def _one(client: httpx.Client, rng: np.random.Generator) -> tuple[str, int]:
    """One request of the mix."""
    kind = rng.choice(["score", "several", "find", "broken", "purify", "cloak", "verify", "large", "form", "about"])
    side, seed = int(rng.integers(48, 320)), int(rng.integers(50))
    one = sample(seed, side=side)
    photo = {"key": one["key"], "rgb": one["rgb"]}
    bodies: dict[str, tuple[str, Any]] = {
        "score": ("/v1/score", {"samples": [one]}),
        "several": ("/v1/score?model=heavy", {"samples": [sample(seed + k, side=side) for k in range(4)]}),
        "find": ("/v1/score", {"samples": [photo]}),
        "broken": ("/v1/score", {"samples": [one | {"rgb": one["rgb"][: 4 * int(rng.integers(1, 400))]}]}),
        "purify": ("/v1/purify", {"samples": [photo]}),
        "cloak": ("/v1/cloak-likelihood", {"samples": [photo]}),
        "verify": ("/v1/verify", {"pairs": [{"first": one["rgb"], "second": one["rgb"]}]}),
        "large": ("/v1/score", {"samples": [one] * 65}),
        "form": ("/v1/score", {"samples": [{"pixels": 1}]}),
    }
    try:
        if kind == "about":
            path = str(rng.choice(["/health/ready", "/metrics", "/v1/models", "/v1/audits"]))
            return path, client.get(path).status_code
        path, body = bodies[str(kind)]
        return path.partition("?")[0], client.post(path, json=body).status_code
    except httpx.TransportError:
        return str(kind), 0


def _resident(pid: int) -> int:
    """Bytes in memory of the service, which taskset has become."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def hostile(url: str, folder: Path, *, count: int) -> dict[str, Any]:
    """Pictures of the fuzz corpus as requests, by generator."""
    by_kind: dict[str, list[int]] = {}
    for kind, status in hostile_statuses(url, range(count), folder / "hostile"):
        by_kind.setdefault(kind, []).append(status)
    return {
        "generators": [{"generator": kind, **counted(statuses)} for kind, statuses in by_kind.items()],
        **counted([status for statuses in by_kind.values() for status in statuses]),
    }


def described(url: str, *, examples: int) -> dict[str, Any]:
    """Requests that schemathesis makes of the OpenAPI description, by operation."""
    rows, all_statuses = [], []
    for operation, statuses, failures in described_statuses(url, examples=examples):
        rows.append({"operation": operation, **counted(statuses), "failures": len(failures), "first": failures[:1]})
        all_statuses += statuses
    return {"operations": rows, **counted(all_statuses), "failures": sum(row["failures"] for row in rows)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="of the load")
    parser.add_argument("--rate", type=float, help="its requests a second at most; without, as many as are answered")
    parser.add_argument("--rounds", type=int, default=400, help="requests for the latency")
    parser.add_argument("--hostile", type=int, default=1000, help="pictures of the fuzz corpus")
    parser.add_argument("--examples", type=int, default=60, help="requests of schemathesis for each operation")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the others stay as OUT has them")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    found: dict[str, Any] = {}
    if asked.out is not None and asked.out.is_file():
        found = json.loads(asked.out.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name, service(Path(name), cores[0]) as (url, pid):
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "speed": lambda: speed(url, Path(name), cores[0], rounds=asked.rounds),
            "load": lambda: load(url, pid, seconds=asked.seconds, rate=asked.rate),
            "hostile": lambda: hostile(url, Path(name), count=asked.hostile),
            "described": lambda: described(url, examples=asked.examples),
        }
        for part in asked.only:
            before = round(os.getloadavg()[0], 1)
            found[part] = {**measures[part](), "load_average_before": before}
            write(asked.out, {one: found[one] for one in PARTS if one in found})
            print(part, json.dumps(found[part], indent=2))


if __name__ == "__main__":
    main()
