"""A Ray cluster of two nodes on this machine: a node that dies costs nothing and repeats nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.data.table import read_table
from facewarden.verbs.scaling.launch import launch

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ray = pytest.importorskip("ray")


_PORTS = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")


def one_core() -> dict[str, int]:
    """A node of one core, whose ports are given: Ray waits 15 seconds for those that its agents choose themselves."""
    probes = [socket.socket() for _ in _PORTS]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = {name: int(probe.getsockname()[1]) for name, probe in zip(_PORTS, probes, strict=True)}
    for probe in probes:
        probe.close()
    return {"num_cpus": 1, **ports}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray._private import services
    from ray.cluster_utils import Cluster

    ask = services.get_node

    def patiently(*given: Any) -> Any:
        """Ray gives a node half a minute to start, which a busy machine needs alone for its imports."""
        until = time.monotonic() + 300
        while True:
            try:
                return ask(*given)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    monkeypatch.setattr(services, "get_node", patiently)
    made = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **one_core()})
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def while_it_runs(started: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act once something has begun."""

    def wait() -> None:
        while not started():
            time.sleep(0.2)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def files(folder: Path) -> dict[str, bytes]:
    left_out = {"merged.json", "purified.jsonl"}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in left_out)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_node_killed_while_photos_are_purified(cluster: Any, tmp_path: Path) -> None:
    """`make scale-check` asks for 2,000 photos, and for what was found as JSON."""
    count = int(os.environ.get("FACEWARDEN_SCALE_PHOTOS", "80"))
    source, out, home = tmp_path / "photos", tmp_path / "clean", tmp_path / "clean.shards"
    source.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)).save(source / f"{number}.png")
    node = cluster.add_node(**one_core())
    there: list[int] = []

    def begun() -> bool:
        return len(list(home.glob("*/*.png"))) >= count // 10

    def kill() -> None:
        there.append(len(list(home.glob("*/*.png"))))
        cluster.remove_node(node, allow_graceful=False)

    killed = while_it_runs(begun, kill)
    command = f"purify {source} --out {out} --purifier non_local_means --region photo --device cpu"
    result = launch(command, engine="ray", shards=6, address=cluster.address)
    killed.join(timeout=5)
    assert not killed.is_alive()
    facewarden.purify(source, out=tmp_path / "whole", purifier="non_local_means", region="photo")
    assert (result.done, result.merged.items) == (6, count)
    times = Counter(read_table(out / "purified.csv")["source"])
    one, other = files(out), files(tmp_path / "whole")
    found = {
        "photos": count, "killed_after": there[0], "lost": count - len(times),
        "twice": sum(times.values()) - len(times),
        "equal_bytes": sum(other.get(name) == data for name, data in one.items() if name.endswith(".png")),
    }  # fmt: skip
    if "FACEWARDEN_SCALE_OUT" in os.environ:
        Path(os.environ["FACEWARDEN_SCALE_OUT"]).write_text(json.dumps(found, indent=2) + "\n")
    assert one == other  # nothing lost, equal bytes
    assert found == {**found, "lost": 0, "twice": 0, "equal_bytes": count}


PLAN = """
kind: presentation
title: Floors
data:
  simulate: {subjects: 20, captures_per_subject: 4, size: 96, seed: 5}
whole_target: true
seeds: [0]
scored_epochs: last
methods:
  chance: {recipe: chance, label: chance}
  thumbnail: {recipe: thumbnail_ridge, label: ridge}
  texture: {recipe: texture_ridge, label: texture}
parts:
  - title: Floors
    methods: [chance, thumbnail, texture]
    protocols: [bcd_a]
    baseline: thumbnail
"""


def kill_a_worker() -> None:
    """End a process in which Ray runs a share, as a lack of memory does."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::run_job"):
                os.kill(int(process.name), signal.SIGKILL)
                return


def test_a_plan_over_two_nodes_with_a_killed_worker(cluster: Any, tmp_path: Path) -> None:
    cluster.add_node(**one_core())
    plan, out, home = tmp_path / "plan.yaml", tmp_path / "run", tmp_path / "run.shards"
    plan.write_text(PLAN)
    killed = while_it_runs(lambda: bool(list(home.glob("*/cells/*/cell.json"))), kill_a_worker)
    result = launch(f"bench {plan} --out {out} --device cpu", engine="ray", shards=2, address=cluster.address)
    killed.join(timeout=5)
    assert not killed.is_alive()
    facewarden.bench(plan, out=tmp_path / "whole", device="cpu")
    assert (result.shards, result.merged.items) == (2, 3)
    assert (out / "summary.json").read_bytes() == (tmp_path / "whole" / "summary.json").read_bytes()
